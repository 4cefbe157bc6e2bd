# Global direct reclaim by a file that does not fit into memory, then a global OOM kill, under memtrace.
memload mkfile /data/file 300 > /dev/null
begin oom
load file /data/file 300 2
load mmapfile /data/file 300 2
counters file
load hog
sleep 2
finish
section end
