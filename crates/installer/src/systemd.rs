//! The unit of k3s for systemd.

use crate::Role;

/// The text of the unit. `env` is the file with the service's environment.
pub(crate) fn unit(role: Role, env: &str) -> String {
    let server = role.as_str();
    format!(
        "# Written by Airlock.\n\
         [Unit]\n\
         Description=Lightweight Kubernetes ({server})\n\
         Documentation=https://docs.k3s.io\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         Type=notify\n\
         EnvironmentFile=-/etc/default/%N\n\
         EnvironmentFile=-/etc/sysconfig/%N\n\
         EnvironmentFile=-{env}\n\
         # Containers go on while k3s itself is started again.\n\
         KillMode=process\n\
         Delegate=yes\n\
         User=root\n\
         LimitNOFILE=1048576\n\
         LimitNPROC=infinity\n\
         LimitCORE=infinity\n\
         TasksMax=infinity\n\
         # The first start imports images, which takes as long as the disk needs.\n\
         TimeoutStartSec=0\n\
         Restart=always\n\
         RestartSec=5s\n\
         ExecStartPre=-/sbin/modprobe br_netfilter\n\
         ExecStartPre=-/sbin/modprobe overlay\n\
         ExecStart=/usr/local/bin/k3s {server}\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}
