/// Where a package lies: `pool/main/libx/libxyz/libxyz1_1.2-3_amd64.deb`.
///
/// By the name of its source, as in Debian's own pool. The version's epoch is a folder: files there have names
/// without it, since not every file system takes a colon, but `1:2.0` may be another package than `2.0`.
pub fn pool_path(component: &str, source: &str, name: &str, version: &str, architecture: &str) -> String {
    let start = if source.starts_with("lib") { 4 } else { 1 };
    let letter: String = source.chars().take(start).collect();
    let (folder, version) = match version.split_once(':') {
        Some((epoch, rest)) if epoch != "0" => (format!("epoch-{epoch}/"), rest),
        Some((_, rest)) => (String::new(), rest),
        None => (String::new(), version),
    };
    format!("pool/{component}/{letter}/{source}/{folder}{name}_{version}_{architecture}.deb")
}
