# Stalls that are traced on functions, not events: reclaim and sleep above memory.high, faults on swapped pages, waits
# for pages of the working set, direct compaction, and direct reclaim with the time before its begin event. tracefs's
# own probes on the same functions are the witness.
shop=/sys/fs/cgroup/shop
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p $shop/high $shop/file
echo +memory > $shop/cgroup.subtree_control
echo 40M > $shop/high/memory.high
echo 48M > $shop/file/memory.max
memload mkfile /data/file 60 > /dev/null

# watch FUNCTION...: put probes on entry and return of each. $returns has the arguments of the return probe.
returns=
functions=$tracing/instances/functions
watch() {
	for function in "$@"; do
		echo "p:ours/in_$function $function" >> $tracing/kprobe_events
		echo "r100:ours/out_$function $function $returns" >> $tracing/kprobe_events
	done
	mkdir $functions
	echo mono > $functions/trace_clock
	echo 4096 > $functions/buffer_size_kb
	echo 1 > $functions/events/ours/enable
}
# Prints for each function the calls of memload (or of tasks that match the pattern) and their total time in us.
# memtrace itself never counts. A call inside a call of the same function is a part of it.
watched() {
	section "$run:functions"
	echo 0 > $functions/events/ours/enable
	awk -v "who=^${1:-memload}-" -v "own=$(ls /proc/$tracer/task)" '
	BEGIN { for (i = split(own, tids); i; i--) ours[tids[i]] }
	!/^#/ && $1 ~ who {
		task = $1
		sub(/.*-/, "", task)
		# Skip threads of memtrace. Those named kallsyms-* may have ended before the list of threads was read.
		if (task in ours || $1 ~ /^kallsyms-/) next
		for (i = 2; i < NF && $i !~ /^[0-9]+\.[0-9]+:$/; i++);
		now = $i + 0
		event = $(i + 1)
		sub(/:$/, "", event)
		name = event
		sub(/^(in|out)_/, "", name)
		if (event ~ /^in_/) { if (!depth[task, name]++) since[task, name] = now }
		else if (depth[task, name] > 0 && !--depth[task, name]) {
			calls[name]++
			time[name] += now - since[task, name]
			calls[name "/" $1]++
			time[name "/" $1] += now - since[task, name]
		}
	}
	END { for (name in calls) print name, calls[name], int(time[name] * 1000000) }' $functions/trace
	unwatch
}
# Prints the number of calls of a function, by any task, that returned more than this result.
returned() {
	section "$run:functions"
	echo 0 > $functions/events/ours/enable
	awk -v name="$1" -v "least=$2" '
		sub(/.* result=/, "") && $0 + 0 > least { n++ }
		END { print name, n + 0, 0 }' $functions/trace
	unwatch
}
unwatch() {
	cat $functions/per_cpu/cpu*/stats | awk -F: '/^(overrun|dropped events):/ { n += $2 } END { print "lost", n, 0 }'
	rmdir $functions
	echo > $tracing/kprobe_events
}


begin high
if grep -q ' __mem_cgroup_handle_over_high$' /proc/kallsyms; then over=__mem_cgroup_handle_over_high; else over=mem_cgroup_handle_over_high; fi
watch $over
load --cgroup $shop/high anon 60 2
watched
finish
section high:events
cat $shop/high/memory.events

begin thrash
watch psi_memstall_enter
# Pages that are read twice belong to the working set, for the classic lists too.
load --cgroup $shop/file file /data/file 40 1
load --cgroup $shop/file mmapfile /data/file 60 5
watched
finish

begin compact
returns='result=$retval:u32'
watch try_to_compact_pages
returns=
cat /data/file > /dev/null
echo 60 > /proc/sys/vm/nr_hugepages
echo 0 > /proc/sys/vm/nr_hugepages
# COMPACT_DEFERRED is 2: up to it nothing was compacted.
returned try_to_compact_pages 2
finish

if [ -e $shop/file/memory.reclaim ]; then
	begin asked
	if grep -q ' user_proactive_reclaim$' /proc/kallsyms; then asked=user_proactive_reclaim; else asked=memory_reclaim; fi
	# The time in its calls for each batch of pages is a lower bound.
	watch $asked try_to_free_mem_cgroup_pages
	load --cgroup $shop/file file /data/file 40 1
	for part in 8M 8M 8M; do echo $part | tee $shop/file/memory.reclaim > /dev/null; done
	watched tee
	finish
else
	section no-asked
	echo "this kernel has no memory.reclaim"
fi

begin direct
watch try_to_free_pages
load anon 190 3
# Kernel threads that allocate stall, too.
watched '.*'
finish
section end
