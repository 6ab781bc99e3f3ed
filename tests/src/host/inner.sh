# The root of a host: this machine's own root under a layer in memory, with mounts of its own. Becomes systemd.
# $1: the folder of the host.
set -eu
folder=$1
mount -t tmpfs -o mode=755,size=1g airlock-host "$folder/layers"
cd "$folder/layers"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=upper,workdir=work" root
cd root
mount --make-private .
mount -t proc proc proc
# The kernel belongs to everybody, but for the network, which is this namespace's own.
mount -o bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -o bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
mount -t sysfs -o ro sysfs sys
if [ -d /sys/fs/cgroup/systemd ]; then
  mount -t tmpfs -o mode=755 cgroups sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
  mount -o remount,ro sys/fs/cgroup
else
  mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do
  : > "dev/$node"
  mount -o bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs shm dev/shm
mount -t tmpfs -o mode=755 run run
mkdir -p srv/share mnt
mount -o bind "$folder/share" srv/share

# A machine that was just installed: nothing of its own in /etc/systemd, no container engine, no k3s.
rm -rf etc/systemd/system etc/rancher var/lib/rancher var/lib/airlock etc/airlock
mkdir etc/systemd/system
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket \
  systemd-udevd-control.socket systemd-sysctl.service systemd-modules-load.service systemd-logind.service \
  systemd-remount-fs.service systemd-networkd.service systemd-timesyncd.service systemd-resolved.service \
  getty.target console-getty.service docker.service containerd.service; do
  ln -s /dev/null "etc/systemd/system/$unit"
done
# Modules are those of the machine itself, and stay as they are.
rm -f sbin/modprobe
printf '#!/bin/sh\nexit 0\n' > sbin/modprobe
chmod 755 sbin/modprobe
rm -f etc/resolv.conf etc/hostname etc/fstab etc/hosts etc/machine-id
echo nameserver 10.99.0.1 > etc/resolv.conf
echo host > etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 host\n' > etc/hosts
: > etc/fstab
: > etc/machine-id
hostname host
# A network that leads nowhere.
if ip link add eth0 type dummy 2>/dev/null; then
  ip address add 10.99.0.10/24 dev eth0
  ip link set eth0 up
  ip route add default via 10.99.0.1
fi
pivot_root . mnt
exec chroot . /bin/sh -c 'umount -l /mnt; exec env -i container=airlock-test \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=0' </dev/null
