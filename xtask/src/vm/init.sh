#!/bin/busybox sh
# First process of the guest: mounts, modules, disks, then /vm/command, whose status goes to the second
# serial line. Settings come from /vm/env.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=dumb
/bin/busybox --install -s /bin

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmp /dev/shm
mount -t tmpfs tmp /tmp
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs security /sys/kernel/security 2>/dev/null

# A global OOM must kill the load, never the process that reports it.
echo -1000 > /proc/self/oom_score_adj
ulimit -l unlimited
stty -F /dev/ttyS1 raw -echo
ip link set lo up

. /vm/env
for module in $VM_MODULES; do
	insmod "/vm/modules/$module.ko" || echo "vm: cannot load the module $module"
done

case "$VM_CGROUP" in
v2)
	mount -t cgroup2 cgroup /sys/fs/cgroup
	for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
		echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
	done
	;;
v1)
	mount -t tmpfs cgroup /sys/fs/cgroup
	mkdir /sys/fs/cgroup/memory /sys/fs/cgroup/unified
	mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory
	mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
	;;
esac

broken=
for disk in $VM_DATA $VM_SWAP; do
	tries=0
	while [ ! -b "/dev/$disk" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
done
if [ -n "$VM_DATA" ]; then
	mkdir -p /data
	mount -t ext4 "/dev/$VM_DATA" /data || broken="the data disk does not mount"
fi
if [ -n "$VM_ZRAM" ]; then
	echo "$VM_ZRAM" > /sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0 ||
		broken="no swap on zram"
fi
if [ -n "$VM_SWAP" ]; then
	mkswap "/dev/$VM_SWAP" && swapon "/dev/$VM_SWAP" || broken="no swap on the disk"
fi

cd /
if [ -n "$broken" ]; then
	# Skip the command: without the requested disk or swap it would measure something else.
	echo "vm: $broken" > /dev/ttyS1
	status=126
else
	setsid sh -c 'echo 0 > /proc/self/oom_score_adj; exec sh /vm/command' < /dev/null > /dev/ttyS1 2>&1
	status=$?
fi
printf '\n%s:%d\n' "$VM_MARK" "$status" > /dev/ttyS1
sync
echo o > /proc/sysrq-trigger
sleep 5
poweroff -f
