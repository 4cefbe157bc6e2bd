# Global direct reclaim by a file that does not fit into memory, then a global OOM kill, under memtrace.
# What the host judges is printed in sections that begin with `@@ NAME`.
section() { echo "@@ $1"; }
load() { memload "$@" > /tmp/memload.out 2>&1; echo "$1 $?" >> /tmp/loads; }

dmesg -c > /dev/null
section vmstat-start
cat /proc/vmstat

memtrace --json > /tmp/trace.json 2> /tmp/trace.err &
tracer=$!
tries=0
while ! grep -q '"type":"meta"' /tmp/trace.json; do
	tries=$((tries + 1))
	if [ $tries -gt 300 ] || ! kill -0 $tracer 2> /dev/null; then break; fi
	sleep 0.1
done

load mkfile /data/file 300
sync
echo 3 > /proc/sys/vm/drop_caches
load file /data/file 300 4
load mmapfile /data/file 300 4
section vmstat-file
cat /proc/vmstat

load hog
sleep 2
kill -TERM $tracer
wait $tracer
status=$?
section vmstat-end
cat /proc/vmstat
section tracer
echo "$status"
cat /tmp/trace.err
section loads
cat /tmp/loads
section kernel-log
dmesg | grep -i -e 'killed process' -e 'oom-kill:'
section trace
grep -v '"type":"tick"' /tmp/trace.json
section end
