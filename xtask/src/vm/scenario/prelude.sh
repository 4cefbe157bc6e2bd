# Prelude of each scenario script. The host judges the sections, which begin with `@@ NAME`, or with `@@ RUN:NAME` for
# a run of memtrace.
tracing=/sys/kernel/tracing
section() { echo "@@ $1"; }
counters() {
	section "$run:$1"
	grep -E '^(allocstall_|pgscan_|pgsteal_|workingset_refault|oom_kill |pswp|pgmajfault |compact_stall |kswapd_)' /proc/vmstat
}

# The tracefs ring of an instance counts all records of an event, overwritten or not, on every kernel and without BPF.
witnesses='direct_reclaim_end memcg_reclaim_end'
if [ -d "$tracing/events/vmscan/mm_vmscan_kswapd_reclaim_fail" ]; then
	witnesses="$witnesses kswapd_reclaim_fail"
fi
witness_on() {
	for event in $witnesses; do
		mkdir "$tracing/instances/$event"
		echo 64 > "$tracing/instances/$event/buffer_size_kb"
		echo 1 > "$tracing/instances/$event/events/vmscan/mm_vmscan_$event/enable"
	done
}
witness_now() {
	cat "$tracing"/instances/$1/per_cpu/cpu*/stats |
		awk -F: '/^(entries|overrun|commit overrun|dropped events):/ { n += $2 } END { print n + 0 }'
}
# Saves the current counts under NAME.
witness_mark() {
	for event in $witnesses; do witness_now $event > /tmp/witness.$1.$event; done
}
# Prints for each event its count while memtrace was certainly attached, and its count from before attach to after
# detach.
witness_off() {
	section "$run:witness"
	for event in $witnesses; do
		echo 0 > "$tracing/instances/$event/events/vmscan/mm_vmscan_$event/enable"
		attached=$(($(cat /tmp/witness.detaching.$event) - $(cat /tmp/witness.attached.$event)))
		echo "$event $attached $(witness_now $event)"
		rmdir "$tracing/instances/$event"
	done
}

# begin RUN [OPTIONS OF MEMTRACE]: start memtrace, and come back when its hooks are attached.
begin() {
	run=$1
	shift
	rm -f /tmp/loads /tmp/trace.json
	dmesg -c > /dev/null
	# A full page cache would be reclaimed by the start of memtrace.
	sync
	echo 3 > /proc/sys/vm/drop_caches
	section "$run:memory"
	grep -E '^(MemTotal|SwapTotal):' /proc/meminfo
	section "$run:lru_gen"
	cat /sys/kernel/mm/lru_gen/enabled 2> /dev/null
	witness_on
	counters start
	memtrace --json "$@" > /tmp/trace.json 2> /tmp/trace.err &
	tracer=$!
	tries=0
	while ! grep -q '"type":"meta"' /tmp/trace.json; do
		tries=$((tries + 1))
		if [ $tries -gt 3000 ] || ! kill -0 $tracer 2> /dev/null; then break; fi
		sleep 0.1
	done
	witness_mark attached
}

# load NAME ARGS...: run memload and keep its status.
load() {
	memload "$@"
	status=$?
	for word in "$@"; do
		case $word in
		anon | file | hog | mmapfile) echo "$word $status" >> /tmp/loads ;;
		esac
	done
} > /tmp/memload.out 2>&1

# The kernel's data on memtrace's open descriptors. Some of them may close meanwhile.
descriptors() {
	cat /proc/$tracer/fdinfo/* 2> /dev/null
}

# End memtrace and print the data of both sides.
finish() {
	sleep 0.5
	witness_mark detaching
	# Runs and run time of each program of memtrace, if the run has turned on the kernel's statistics.
	section "$run:programs"
	descriptors | awk '$1 == "run_time_ns:" { ns = $2 } $1 == "run_cnt:" { print $2, ns }'
	kill -TERM $tracer
	wait $tracer
	status=$?
	counters end
	witness_off
	section "$run:zones"
	awk '/^Node/ { node = $2 + 0; zone = $4 } $1 == "managed" && $2 > 0 { print node, zone, $2 }' /proc/zoneinfo
	section "$run:tracer"
	echo "$status"
	cat /tmp/trace.err
	section "$run:loads"
	sort /tmp/loads
	section "$run:kernel-log"
	dmesg | grep -i -e 'killed process' -e 'oom-kill:' -e 'invoked oom-killer'
	section "$run:stalls"
	sed -n '/"type":"stall"/s/.*\("kind":"[^"]*"\).*\("comm":"[^"]*"\),\("cgroup":[^,]*\),.*\("order":[^,]*\),\("gfp":[^,]*\),.*/{\1,\2,\3,\4,\5}/p' \
		/tmp/trace.json | sort | uniq -c
	section "$run:trace"
	grep -E '"type":"(meta|oom|oom_freed|summary)"' /tmp/trace.json
}
