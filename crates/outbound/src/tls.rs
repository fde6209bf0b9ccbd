//! Certificates and cryptography: rustls with ring.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::SetupError;

/// Makes ring the cryptography of this process, unless the process has one already.
///
/// [`Outbound`](crate::Outbound) calls it; other users of rustls in the process may call it as often as they like.
pub fn install_crypto_provider() {
    // An error means that there is one already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Verifies against the authorities of the system and those in `ca_files`.
///
/// A system without any is no error: plain http works, and https fails with a message about the issuer.
pub(crate) fn verifying(ca_files: &[impl AsRef<Path>]) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for path in ca_files {
        add_file(&mut roots, path.as_ref())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Client {
            reason: error.to_string(),
        })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), SetupError> {
    let unusable = |reason: String| SetupError::CertificateFile {
        path: path.to_owned(),
        reason,
    };
    let before = roots.len();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    match roots.len() == before {
        true => Err(unusable("it has no certificate in PEM form".to_owned())),
        false => Ok(()),
    }
}
