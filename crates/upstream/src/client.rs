//! How the HTTP library is set up.

use reqwest::{Client, NoProxy, Proxy};
use url::Url;

use crate::error::show_url;
use crate::{Config, ConfigError};

type MakeProxy = fn(Url) -> reqwest::Result<Proxy>;

/// What all clients have in common.
pub(crate) fn builder(config: &Config) -> Result<reqwest::ClientBuilder, ConfigError> {
    let mut builder = Client::builder()
        .user_agent(&config.user_agent)
        .connect_timeout(config.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http2_adaptive_window(true)
        // The environment is the caller's to read.
        .no_proxy();
    let direct = format!(
        "localhost,127.0.0.0/8,::1,{}",
        config.proxies.direct.as_deref().unwrap_or("")
    );
    let proxies: [(&Option<Url>, MakeProxy); 2] = [
        (&config.proxies.http, |url| Proxy::http(url)),
        (&config.proxies.https, |url| Proxy::https(url)),
    ];
    for (url, make) in proxies {
        if let Some(url) = url {
            let proxy = make(url.clone()).map_err(|source| ConfigError::Proxy {
                address: show_url(url),
                source: source.without_url(),
            })?;
            builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct)));
        }
    }
    Ok(builder)
}

/// The client that checks certificates.
pub(crate) fn verified(config: &Config) -> Result<Client, ConfigError> {
    builder(config)?
        .tls_certs_merge(authorities(config)?)
        .build()
        .map_err(ConfigError::Client)
}

/// The authorities given, parsed.
pub(crate) fn authorities(config: &Config) -> Result<Vec<reqwest::Certificate>, ConfigError> {
    let mut out = Vec::new();
    for pem in &config.authorities {
        let found = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| ConfigError::Authority(Some(error)))?;
        if found.is_empty() {
            return Err(ConfigError::Authority(None));
        }
        out.extend(found);
    }
    Ok(out)
}
