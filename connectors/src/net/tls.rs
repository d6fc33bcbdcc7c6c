//! TLS settings: whom we trust, and one client configuration for all connections.
//!
//! The crypto provider (aws-lc-rs) is named here and never taken from a process default, because
//! a default is decided by whoever links first. Sessions are resumed (rustls keeps tickets in the
//! configuration), so one configuration is shared by all connections.
//!
//! Thread: control plane. Hot path: no.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Whose certificates are accepted.
#[derive(Debug, Clone)]
pub struct Trust(Roots);

#[derive(Debug, Clone)]
enum Roots {
    Web,
    Only(Vec<CertificateDer<'static>>),
}

/// Why trust could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The PEM text is malformed.
    #[error("the trusted certificate is not valid PEM: give a file with BEGIN CERTIFICATE")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// The PEM text has no certificate.
    #[error("the PEM text has no certificate: give a file with BEGIN CERTIFICATE")]
    NoCertificate,
    /// The certificate cannot be used as a root of trust.
    #[error("the trusted certificate cannot be used")]
    Certificate(#[source] rustls::Error),
    /// The TLS library refused its own versions: a build problem.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl Trust {
    /// The roots that browsers trust: for real venues.
    #[must_use]
    pub const fn web_roots() -> Self {
        Self(Roots::Web)
    }

    /// Only the certificates in this PEM text (an authority's, or a server's own): for a practice
    /// venue or a private proxy. The web's roots are then not trusted.
    ///
    /// # Errors
    ///
    /// The text is not PEM, or has no certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TrustError::Pem)?;
        if certificates.is_empty() {
            return Err(TrustError::NoCertificate);
        }
        Ok(Self(Roots::Only(certificates)))
    }

    /// Only this certificate, in DER. See [`Trust::from_pem`].
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(Roots::Only(vec![CertificateDer::from(der.to_vec())]))
    }
}

/// Makes the client configuration: TLS 1.2 and 1.3, aws-lc-rs, no client certificate.
///
/// # Errors
///
/// A certificate in `trust` cannot be used.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    match &trust.0 {
        Roots::Web => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Roots::Only(certificates) => {
            for certificate in certificates {
                roots
                    .add(certificate.clone())
                    .map_err(TrustError::Certificate)?;
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_in_web_roots_gives_a_configuration() {
        assert!(client_config(&Trust::web_roots()).is_ok());
    }

    #[test]
    fn trust_in_garbage_is_refused() {
        assert!(matches!(
            Trust::from_pem(b"hello"),
            Err(TrustError::NoCertificate)
        ));
        let cut = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Trust::from_pem(cut), Err(TrustError::Pem(_))));
        let trust = Trust::from_der(b"no certificate");
        assert!(matches!(
            client_config(&trust),
            Err(TrustError::Certificate(_))
        ));
    }
}
