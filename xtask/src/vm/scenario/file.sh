# A file that does not fit into memory, read and mapped: with the classic LRU lists, with MGLRU if the kernel has it,
# and with a memtrace that uses only classic tracepoints.
storm() {
	load mmapfile /data/file 300 "$1" &
	mapping=$!
	load file /data/file 300 "$1"
	wait $mapping
}

# Prints for each event with programs of memtrace how often they ran and how often the kernel skipped them. memtrace
# itself turns the kernel's statistics on now and then, so the caller subtracts the counts from before.
runs() {
	descriptors | awk '$1 == "pos:" { id = "" }
		$1 == "prog_id:" { id = $2 }
		$1 == "run_cnt:" { runs[id] = $2 }
		$1 == "recursion_misses:" { missed[id] = $2 }
		$1 == "tp_name:" { on[$2] = id }
		END { for (event in on) print event, runs[on[event]], missed[on[event]] + 0 }'
}
# Waits until nobody reclaims. While both counts are turned on or off, there is an instant in which only one of them
# counts, and kswapd goes through dozens of shrinkers in it.
quiet() {
	reclaimed=none
	for try in $(seq 30); do
		was=$reclaimed
		reclaimed=$(grep -E '^(pgscan_|slabs_scanned )' /proc/vmstat)
		if [ "$was" = "$reclaimed" ]; then break; fi
		sleep 0.3
	done
}
hooks_on() {
	witness=$tracing/instances/hooks
	mkdir $witness
	echo 0 > $witness/tracing_on
	echo 8192 > $witness/buffer_size_kb
	for event in $(descriptors | awk '$1 == "tp_name:" { print $2 }' | sort -u); do
		for enable in $witness/events/*/$event/enable; do echo 1 > $enable; done
	done
	runs > /tmp/runs
	quiet
	echo 1 > $witness/tracing_on
	echo 1 > /proc/sys/kernel/bpf_stats_enabled
}
hooks_off() {
	quiet
	echo 0 > /proc/sys/kernel/bpf_stats_enabled
	echo 0 > $witness/tracing_on
	section "$run:overrun"
	cat $witness/per_cpu/cpu*/stats | awk -F: '/overrun/ { n += $2 } END { print n + 0 }'
	section "$run:events"
	# `memload-123 [000] ..... 12.345678: mm_vmscan_kswapd_wake: nid=0 order=0`
	awk '/^#/ { next } { sub(/^.* [0-9]+\.[0-9]+: /, ""); sub(/:.*/, ""); seen[$0]++ }
		END { for (event in seen) print event, seen[event] }' $witness/trace
	section "$run:runs"
	runs | awk 'NR == FNR { runs[$1] = $2; missed[$1] = $3; next } { print $1, $2 - runs[$1], $3 - missed[$1] }' /tmp/runs -
	rmdir $witness
}

section check
memtrace check --json
status=$?
section check-status
echo $status
# Recordings with an unreadable stderr. Prints the exit status of the recording and of its report, the bytes of the
# report's stderr, and the number of messages that the report counts as lost.
recorded() {
	memtrace report --json /tmp/$1.mtrc > /tmp/report 2> /tmp/report.err
	echo "$1 $2 $? $(wc -c < /tmp/report.err) $(tail -n 1 /tmp/report | sed -n 's/.*"messages":\([0-9]*\).*/\1/p')"
}
section messages
memtrace record -o /tmp/full.mtrc -d 1 2> /dev/full
recorded full $?
memtrace record -o /tmp/closed.mtrc -d 1 2>&-
recorded closed $?
(memtrace record -o /tmp/left.mtrc -d 1; echo $? > /tmp/status) 2>&1 | head -n 1 > /dev/null
recorded left $(cat /tmp/status)
section events
for event in $tracing/events/vmscan/* $tracing/events/oom/* $tracing/events/sched/* $tracing/events/memcg/*; do
	[ -d "$event" ] && echo "${event#$tracing/events/}"
done
memload mkfile /data/file 300 > /dev/null

lru_gen=/sys/kernel/mm/lru_gen/enabled
[ -e $lru_gen ] && echo n > $lru_gen
begin lru
# The wall clock is stepped in the middle. It must not affect the comparisons below.
(sleep 1; date -s '2001-02-03 04:05:06' > /dev/null) &
storm 3
finish
begin classic --classic
storm 1.5
finish
if [ -e $lru_gen ]; then
	echo y > $lru_gen
	begin mglru
	storm 3
	finish
fi
begin cost
echo 1 > /proc/sys/kernel/bpf_stats_enabled
load file /data/file 300 1.5
echo 0 > /proc/sys/kernel/bpf_stats_enabled
finish
begin counted
hooks_on
storm 1.5
hooks_off
finish
# With the log of the kernel side (-vv), so that the verifier checks that code too.
begin evictors --evictors -vv
load file /data/file 300 --passes 2
finish
section end
