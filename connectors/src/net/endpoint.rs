//! Where to connect: a URL, taken apart and resolved.
//!
//! Thread: control plane only; resolving asks the system's DNS and blocks. Hot path: no.
//! Not here: percent-encoding (paths go out as given) and proxies.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use rustls::{ClientConfig, pki_types::ServerName};

/// A parsed URL of one of the schemes `wss`, `ws`, `https`, `http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The text is not a URL that we understand.
    #[error("`{url}` is not an endpoint ({problem}): write it like wss://host:port/path")]
    Syntax {
        /// The text as given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The name does not resolve.
    #[error("cannot resolve `{host}`: check the host and this machine's DNS")]
    Resolve {
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// A secure scheme without a TLS configuration.
    #[error("`{host}` needs TLS, and no TLS configuration was given")]
    TlsMissing {
        /// The host.
        host: String,
    },
}

impl Endpoint {
    /// Parses `scheme://host[:port][/path]`; an IPv6 host stands in brackets.
    ///
    /// # Errors
    ///
    /// [`EndpointError::Syntax`], with the text and what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        parse(url).map_err(|problem| EndpointError::Syntax {
            url: url.to_owned(),
            problem,
        })
    }

    /// True for `wss` and `https`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the scheme's default when the URL has none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query; at least `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same host with another path (and query).
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// The value of a `Host` header: with brackets for IPv6, without a default port.
    #[must_use]
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let default_port = if self.secure { 443 } else { 80 };
        if self.port == default_port {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

fn parse(url: &str) -> Result<Endpoint, &'static str> {
    if url.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
        return Err("it has a space, a control character or a character outside ASCII");
    }
    let (scheme, rest) = url.split_once("://").ok_or("the scheme is missing")?;
    let secure = match scheme {
        "wss" | "https" => true,
        "ws" | "http" => false,
        _ => return Err("the scheme is none of wss, ws, https, http"),
    };
    let path_start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_start);
    if authority.contains('@') {
        return Err("credentials do not belong into an endpoint");
    }
    if path.contains('#') {
        return Err("a fragment (#) is never sent to a server");
    }
    let (host, port) = split_port(authority)?;
    if host.is_empty() {
        return Err("the host is missing");
    }
    let port = match port {
        None => {
            if secure {
                443
            } else {
                80
            }
        }
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port != 0 => port,
            Ok(_) | Err(_) => return Err("the port is not a number from 1 to 65535"),
        },
    };
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    Ok(Endpoint {
        secure,
        host: host.to_owned(),
        port,
        path,
    })
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    let Some(bracketed) = authority.strip_prefix('[') else {
        return Ok(match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        });
    };
    let (host, rest) = bracketed
        .split_once(']')
        .ok_or("the bracket of the host is open")?;
    if rest.is_empty() {
        return Ok((host, None));
    }
    let port = rest
        .strip_prefix(':')
        .ok_or("something stands between host and port")?;
    Ok((host, Some(port)))
}

/// An endpoint with its addresses and its TLS configuration: all that a connection needs.
#[derive(Debug, Clone)]
pub struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Target {
    /// Resolves the endpoint's host by the system. Blocks.
    ///
    /// `tls` is used for secure endpoints and may be given for others. Share one configuration
    /// among all targets: sessions are resumed through it.
    ///
    /// # Errors
    ///
    /// The host does not resolve, is not a valid name, or TLS is needed and missing.
    pub fn resolve(
        endpoint: &Endpoint,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, EndpointError> {
        let tls = if endpoint.secure {
            Some(secure_parts(endpoint, tls)?)
        } else {
            None
        };
        let host = endpoint.host.as_str();
        let failed = |source| EndpointError::Resolve {
            host: host.to_owned(),
            source,
        };
        let addresses: Vec<SocketAddr> = (host, endpoint.port)
            .to_socket_addrs()
            .map_err(failed)?
            .collect();
        if addresses.is_empty() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            addresses,
            tls,
        })
    }

    /// The endpoint that was resolved.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The same server with another path (and query), without resolving again.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        Self {
            endpoint: self.endpoint.with_path(path),
            ..self.clone()
        }
    }
}

fn secure_parts(
    endpoint: &Endpoint,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), EndpointError> {
    let host = &endpoint.host;
    let Some(config) = tls else {
        return Err(EndpointError::TlsMissing { host: host.clone() });
    };
    let name = ServerName::try_from(host.clone()).map_err(|_| EndpointError::Syntax {
        url: host.clone(),
        problem: "the host is neither a DNS name nor an address",
    })?;
    Ok((Arc::clone(config), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, secure: bool, host: &str, port: u16, path: &str) {
        let endpoint = Endpoint::parse(url).unwrap();
        let got = (
            endpoint.is_secure(),
            endpoint.host(),
            endpoint.port(),
            endpoint.path(),
        );
        assert_eq!(got, (secure, host, port, path));
    }

    #[test]
    fn endpoint_of_every_form_is_parsed() {
        check(
            "wss://stream.binance.com:9443/ws",
            true,
            "stream.binance.com",
            9443,
            "/ws",
        );
        check("https://api.binance.com", true, "api.binance.com", 443, "/");
        check("ws://127.0.0.1:80/a?b=c", false, "127.0.0.1", 80, "/a?b=c");
        check("http://[::1]:8080?x", false, "::1", 8080, "/?x");
    }

    #[test]
    fn endpoint_malformed_is_refused_with_the_text() {
        let bad = [
            "",
            "host",
            "ftp://h",
            "wss://",
            "wss://:1",
            "ws://h:0",
            "ws://h:65536",
            "ws://h:x",
            "ws://u:p@h",
            "ws://h/#x",
            "ws://[::1",
            "ws://[::1]x",
            "ws://h/ b",
            "ws://h/\r\nX: y",
        ];
        for url in bad {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(
                matches!(error, EndpointError::Syntax { .. }),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn host_header_without_default_port_names_the_host_only() {
        let header = |url| Endpoint::parse(url).unwrap().host_header();
        assert_eq!(header("wss://h:443/"), "h");
        assert_eq!(header("wss://h:80/"), "h:80");
        assert_eq!(header("http://[::1]:81/"), "[::1]:81");
    }

    #[test]
    fn target_secure_without_tls_is_refused() {
        let endpoint = Endpoint::parse("wss://127.0.0.1:1").unwrap();
        let error = Target::resolve(&endpoint, None).unwrap_err();
        assert!(matches!(error, EndpointError::TlsMissing { .. }));
    }
}
