# A file that does not fit into memory, read and mapped: by the classic LRU lists, by MGLRU where the kernel has it,
# and by memtrace with classic tracepoints only.
storm() {
	load mmapfile /data/file 300 "$1" &
	mapping=$!
	load file /data/file 300 "$1"
	wait $mapping
}

section check
memtrace check --json
status=$?
section check-status
echo $status
section events
for event in $tracing/events/vmscan/* $tracing/events/oom/* $tracing/events/sched/* $tracing/events/memcg/*; do
	[ -d "$event" ] && echo "${event#$tracing/events/}"
done
memload mkfile /data/file 300 > /dev/null

lru_gen=/sys/kernel/mm/lru_gen/enabled
[ -e $lru_gen ] && echo n > $lru_gen
begin lru
# The clock of the day is stepped in the middle: all that is compared below must not notice.
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
begin evictors --evictors
load file /data/file 300 --passes 2
finish
section end
