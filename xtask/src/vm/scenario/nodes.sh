# A file larger than both nodes.
memload mkfile /data/file 450 > /dev/null
begin nodes
load file /data/file 450 2
load mmapfile /data/file 450 2
finish
section end
