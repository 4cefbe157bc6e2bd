# Hosts that allow less: each runs `memtrace check` and a trace of one second. $with drops capabilities.
with=
# try NAME [OPTIONS OF MEMTRACE]
try() {
	name=$1
	shift
	$with memtrace check --json > /tmp/check.json
	status=$?
	section "$name:check"
	cat /tmp/check.json
	echo
	$with memtrace --json -d 1 "$@" > /tmp/trace.json 2> /tmp/trace.err
	status="$status $?"
	section "$name:status"
	echo "$status"
	section "$name:said"
	cat /tmp/trace.err
	section "$name:summary"
	grep -c '"type":"summary"' /tmp/trace.json
}

echo 2 > /proc/sys/kernel/kptr_restrict
try no-addresses --stacks
echo 0 > /proc/sys/kernel/kptr_restrict

# The capabilities of the recorder's unit. Debian refuses perf_event_open to all but CAP_SYS_ADMIN here.
setpriv=/mnt/setpriv
section setpriv
$setpriv --version
paranoid=/proc/sys/kernel/perf_event_paranoid
was=$(cat $paranoid)
echo 3 > $paranoid
with="$setpriv --bounding-set=-all,+bpf,+perfmon,+sys_resource,+ipc_lock,+dac_read_search,+syslog"
try perf-events
try perf-events-classic --classic
with=
echo "$was" > $paranoid

# A kernel that hides its BTF from programs.
memload mkfile /data/file 300 > /dev/null
mount -t tmpfs none /sys/kernel/btf
try no-btf
begin no-btf
load file /data/file 300 --passes 2
finish
umount /sys/kernel/btf

umount $tracing
umount /sys/kernel/debug 2> /dev/null
try no-tracefs
mount -t tracefs tracefs $tracing

lockdown=/sys/kernel/security/lockdown
section lockdown
[ -w $lockdown ] && echo confidentiality > $lockdown
cat $lockdown 2>&1
try locked-down
section end
