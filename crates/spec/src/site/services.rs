//! `services`: what nodes do for the site besides the cluster.

use std::collections::BTreeMap;
use std::path::Path;

use super::model::{Dns, InternalAuthority, Leaf, Ntp, Services};
use super::networks::network;
use super::read::{address, domain, file, host_name, known, list, list_of, number, path_on_node};
use crate::yaml::{Decoder, Node, Value};

/// For how long a certificate is valid where nothing is given.
const DAYS: u16 = 365;

pub(super) fn services(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Services {
    let Some(fields) = decoder.fields(node, "the services", known::SERVICES) else {
        return Services::default();
    };
    Services {
        ntp: fields.get("ntp").and_then(|node| ntp(decoder, node)),
        dns: fields.get("dns").and_then(|node| dns(decoder, node)),
        ca: fields.get("ca").and_then(|node| authority(decoder, node, base)),
    }
}

fn ntp(decoder: &mut Decoder<'_>, node: &Node) -> Option<Ntp> {
    let fields = decoder.fields(node, "the time service", known::NTP)?;
    let servers = list_of(decoder, fields.get("servers"), host_name);
    let local_stratum = fields
        .get("localStratum")
        .and_then(|node| number(decoder, node, "a stratum", 1..=15));
    if servers.is_empty() && fields.get("servers").is_none() && fields.get("localStratum").is_none() {
        decoder
            .problem(node.start(), "a node without time servers needs `localStratum`")
            .help = Some(
            "give `servers: [10.0.0.1]`, or `localStratum: 10` where this node's clock is the site's"
                .to_owned(),
        );
    }
    Some(Ntp {
        servers,
        allow: list_of(decoder, fields.get("allow"), network),
        local_stratum,
    })
}

fn dns(decoder: &mut Decoder<'_>, node: &Node) -> Option<Dns> {
    let fields = decoder.fields(node, "the name service", known::DNS)?;
    let listen = decoder.required(&fields, "listen", "[10.0.0.5]");
    let mut records = BTreeMap::new();
    if let Some(node) = fields.get("records") {
        if let Value::Map(entries) = &node.value {
            for (key, value) in entries {
                let name = Node {
                    value: Value::Text(key.name.clone()),
                    span: key.span,
                    bare: false,
                };
                let addresses = list(decoder, value, address);
                if let Some(name) = domain(decoder, &name) {
                    records.insert(name, addresses);
                }
            }
        } else {
            decoder
                .problem(node.span, "expected a mapping of names (services.dns.records)")
                .help = Some("for example {registry.site: [10.0.0.5]}".to_owned());
        }
    }
    Some(Dns {
        listen: list_of(decoder, listen, address),
        domain: fields.get("domain").and_then(|node| domain(decoder, node)),
        records,
        upstream: list_of(decoder, fields.get("upstream"), address),
    })
}

fn authority(decoder: &mut Decoder<'_>, node: &Node, base: &Path) -> Option<InternalAuthority> {
    let fields = decoder.fields(node, "the site's authority", known::INTERNAL_AUTHORITY)?;
    let certificate = decoder.required(&fields, "certificate", "ca/site.crt");
    let leaves = fields
        .get("leaves")
        .map(|node| decoder.list(node))
        .unwrap_or_default();
    let leaves: Vec<Leaf> = leaves.iter().filter_map(|node| leaf(decoder, node)).collect();
    let key_file = file(decoder, fields.get("keyFile"), base);
    if !leaves.is_empty() && fields.get("keyFile").is_none() {
        decoder
            .problem(
                fields.key_span("leaves"),
                "certificates are issued with `keyFile`",
            )
            .help = Some("for example `keyFile: ca/site.key`".to_owned());
    }
    Some(InternalAuthority {
        certificate: file(decoder, certificate, base)?,
        key_file,
        leaves,
    })
}

fn leaf(decoder: &mut Decoder<'_>, node: &Node) -> Option<Leaf> {
    let fields = decoder.fields(node, "the certificate", known::LEAF)?;
    let names_node = decoder.required(&fields, "names", "[registry.site, 10.0.0.5]");
    let names = list_of(decoder, names_node, host_name);
    if let Some(Node {
        value: Value::List(items),
        span,
        ..
    }) = names_node
        && items.is_empty()
    {
        decoder.problem(*span, "a certificate needs a name");
    }
    let certificate = decoder.required(&fields, "certificate", "/etc/airlock/tls/registry.crt");
    let certificate = certificate.and_then(|node| path_on_node(decoder, node));
    let key = decoder.required(&fields, "key", "/etc/airlock/tls/registry.key");
    let key = key.and_then(|node| path_on_node(decoder, node));
    if certificate.is_some() && certificate == key {
        decoder.problem(fields.key_span("key"), "certificate and key are the same file");
    }
    let days = match fields.get("days") {
        Some(node) => number(decoder, node, "a validity in days", 1..=3650)?,
        None => DAYS,
    };
    Some(Leaf {
        names,
        certificate: certificate?,
        key: key?,
        days,
    })
}
