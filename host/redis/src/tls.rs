//! TLS to the server: always checked against a CA, never anything less.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, AlertDescription, ClientConfig, RootCertStore};

use crate::settings::SettingsError;
use crate::url::fault;

/// Files named in the URL, all PEM. Read once, when the URL is.
pub(crate) struct Files {
    /// Whom to trust; the system's CAs when it is not given.
    pub ca: Option<String>,
    /// Who we are, with the chain, where the server asks for it.
    pub cert: Option<String>,
    pub key: Option<String>,
}

/// How to begin TLS with a server.
pub(crate) struct Tls {
    connector: TlsConnector,
}

impl Files {
    pub fn is_empty(&self) -> bool {
        self.ca.is_none() && self.cert.is_none() && self.key.is_none()
    }
}

impl Tls {
    pub fn new(files: &Files) -> Result<Tls, SettingsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("the provider has the default versions").with_root_certificates(roots(files)?);
        let config = match (&files.cert, &files.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, &error))?;
                let config = builder.with_client_auth_cert(certificates("cert", cert)?, key);
                config
                    .map_err(|error| fault(&format!("cert and key in the URL do not fit ({error})"), "give a pair"))?
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err(fault("a client certificate is two files", "give both cert=FILE and key=FILE in the URL"));
            }
        };
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)) })
    }

    pub async fn begin(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.connector.connect(name, stream).await
    }
}

fn roots(files: &Files) -> Result<RootCertStore, SettingsError> {
    let (certificates, whence) = match &files.ca {
        Some(path) => (certificates("cacert", path)?, path.as_str()),
        None => (rustls_native_certs::load_native_certs().certs, "this system's certificates"),
    };
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(certificates);
    match taken {
        0 => Err(fault(&format!("{whence} has no CA to trust"), "give the file of yours with ?cacert=FILE in the URL")),
        _ => Ok(roots),
    }
}

fn certificates(what: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let read = CertificateDer::pem_file_iter(Path::new(path)).and_then(Iterator::collect);
    read.map_err(|error| unreadable(what, path, &error))
}

fn unreadable(what: &str, path: &str, error: &dyn std::fmt::Display) -> SettingsError {
    fault(&format!("{what} of the URL, {path}, cannot be used ({error})"), "give a PEM file that this user may read")
}

/// What an error of TLS means; none when it is of something else.
pub(crate) fn words(error: &io::Error) -> Option<String> {
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let remedy = match tls {
        rustls::Error::InvalidCertificate(_) => {
            "its certificate is not trusted: give its CA with ?cacert=FILE in the URL, and the name the certificate has"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure) => {
            "it wants a client certificate: add cert=FILE and key=FILE to the URL"
        }
        rustls::Error::AlertReceived(_) => "it does not take our certificate: see that its CA signed cert=FILE",
        rustls::Error::InvalidMessage(_) => "it does not speak TLS there: use its TLS port, or redis://",
        _ => "see its TLS settings",
    };
    Some(format!("TLS failed ({tls}): {remedy}"))
}
