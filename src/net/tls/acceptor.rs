//! What all TLS connections of an acceptor have in common.

use std::sync::Arc;

use config::Protocols;
use rustls::crypto::ring::default_provider;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::Tls;

/// Begins TLS on connections.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    /// For this certificate, and those of clients.
    ///
    /// # Errors
    /// The library cannot speak the versions; the text says why.
    pub fn new(tls: &config::Tls) -> Result<Self, String> {
        let provider = Arc::new(default_provider());
        let versions: &[&'static SupportedProtocolVersion] = match tls.protocols {
            Protocols::Tls12And13 => &[&TLS13, &TLS12],
            Protocols::Tls13 => &[&TLS13],
            Protocols::Tls12 => &[&TLS12],
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?;
        let builder = match &tls.clients {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
        };
        let key = SingleCertAndKey::from(Arc::clone(&tls.key));
        let mut config = builder.with_cert_resolver(Arc::new(key));
        // Who comes again shows its certificate again, so that it is seen when it has expired; and there is no memory to bound.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config) })
    }

    /// Begins TLS on one more connection. `None`: it cannot, which no client causes.
    pub fn begin(&self) -> Option<Tls> {
        ServerConnection::new(Arc::clone(&self.config)).ok().map(Tls::new)
    }
}
