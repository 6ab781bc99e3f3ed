//! The service of k3s for OpenRC.

use crate::Role;

/// The text of the service, which OpenRC's own interpreter reads.
pub(crate) fn service(role: Role, env: &str) -> String {
    let name = role.service();
    let server = role.as_str();
    format!(
        "#!/sbin/openrc-run\n\
         # Written by Airlock.\n\
         \n\
         name=\"{name}\"\n\
         description=\"Lightweight Kubernetes ({server})\"\n\
         supervisor=supervise-daemon\n\
         command=\"/usr/local/bin/k3s\"\n\
         command_args=\"{server}\"\n\
         output_log=\"/var/log/{name}.log\"\n\
         error_log=\"/var/log/{name}.log\"\n\
         pidfile=\"/run/{name}.pid\"\n\
         respawn_delay=5\n\
         respawn_max=0\n\
         rc_ulimit=\"-n 1048576 -u unlimited\"\n\
         \n\
         if [ -f {env} ]; then\n\
         \tset -o allexport\n\
         \t. {env}\n\
         \tset +o allexport\n\
         fi\n\
         \n\
         depend() {{\n\
         \tafter network-online\n\
         \twant cgroups\n\
         }}\n"
    )
}
