# A cgroup that a file drives to its limit, then one with an OOM kill at its limit, on the mounted hierarchy.
memory=/sys/fs/cgroup
limit=memory.max
if [ -d /sys/fs/cgroup/memory ]; then
	memory=/sys/fs/cgroup/memory
	limit=memory.limit_in_bytes
fi
if [ ! -e $memory/cgroup.procs ]; then
	section no-memcg
	echo "this kernel has no memory controller for cgroup v1"
	section end
	exit 0
fi
memload mkfile /data/file 128 > /dev/null
mkdir -p $memory/shop/web $memory/shop/batch
[ $limit = memory.max ] && echo +memory > $memory/shop/cgroup.subtree_control
echo 48M > $memory/shop/web/$limit
echo 40M > $memory/shop/batch/$limit
[ -e $memory/shop/batch/memory.swap.max ] && echo 0 > $memory/shop/batch/memory.swap.max

section hierarchy
echo $limit
begin limit
load --cgroup $memory/shop/web mmapfile /data/file 128 3
finish
section limit:memory.stat
grep workingset_refault $memory/shop/web/memory.stat
begin oom
load --cgroup $memory/shop/batch hog
finish
if [ -e $memory/shop/batch/memory.oom.group ]; then
	# Two idle processes die with the one that runs out of memory.
	mkdir $memory/shop/crew
	echo 40M > $memory/shop/crew/$limit
	echo 0 > $memory/shop/crew/memory.swap.max
	echo 1 > $memory/shop/crew/memory.oom.group
	begin group
	memload --cgroup $memory/shop/crew anon 8 60 --hold > /dev/null 2>&1 &
	first=$!
	memload --cgroup $memory/shop/crew anon 8 60 --hold > /dev/null 2>&1 &
	second=$!
	tries=0
	while [ "$(wc -l < $memory/shop/crew/cgroup.procs)" -lt 2 ] && [ $tries -lt 600 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	load --cgroup $memory/shop/crew hog
	wait $first
	echo "first $?" >> /tmp/loads
	wait $second
	echo "second $?" >> /tmp/loads
	finish
	section group:events
	grep oom $memory/shop/crew/memory.events
fi
section end
