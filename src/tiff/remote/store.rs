//! Stores by their addresses, with how patient we are with them, which the environment says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, Error, ObjectStore, Result, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    client::{HttpClient, HttpConnector, ReqwestConnector},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    http::HttpBuilder,
    path::Path,
};
use tokio::runtime::{Handle, Runtime};

use super::address::{Address, Scheme};

/// How long and how often something is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Seconds until a connection stands, and between its bytes.
    pub(super) timeout: f64,
    pub(super) retries: usize,
}

impl Patience {
    /// Of this process.
    pub(super) fn usual() -> Self {
        fn said<T: std::str::FromStr>(name: &str) -> Option<T> {
            std::env::var(name).ok()?.trim().parse().ok()
        }
        let timeout = said("TRAPAN_HTTP_TIMEOUT").filter(|seconds: &f64| *seconds > 0.0 && *seconds < 1e6);
        Self { timeout: timeout.unwrap_or(20.0), retries: said("TRAPAN_HTTP_RETRIES").unwrap_or(4) }
    }

    fn retry(self) -> RetryConfig {
        // 0.1 s, 0.2 s, … each with some chance, so that readers of one server do not all come back at once.
        RetryConfig { backoff: BackoffConfig::default(), max_retries: self.retries, ..RetryConfig::default() }
    }

    /// A stream that goes on may take an hour: it is only a silent one that is given up.
    fn settings(self) -> [(ClientConfigKey, String); 4] {
        let timeout = format!("{} ms", (self.timeout * 1e3).ceil());
        [
            (ClientConfigKey::ConnectTimeout, timeout.clone()),
            (ClientConfigKey::ReadTimeout, timeout),
            (ClientConfigKey::Timeout, "1 h".to_owned()),
            (ClientConfigKey::UserAgent, concat!("trapan/", env!("CARGO_PKG_VERSION")).to_owned()),
        ]
    }
}

/// Waits for requests, on whatever thread.
pub(super) fn wait<T: Send>(requests: impl Future<Output = T> + Send) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a thread can be started")
    });
    // A thread of a runtime, as another program may have, must not wait for one.
    match Handle::try_current() {
        Err(_) => runtime.block_on(requests),
        Ok(_) => std::thread::scope(|threads| {
            let waiting = threads.spawn(|| runtime.block_on(requests));
            waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }),
    }
}

/// The connections to servers: one pool, however many files are read.
#[derive(Debug)]
struct Shared;

impl HttpConnector for Shared {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        static CLIENT: Mutex<Option<HttpClient>> = Mutex::new(None);
        let mut client = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
        if client.is_none() {
            *client = Some(ReqwestConnector::default().connect(options)?);
        }
        Ok(client.clone().expect("it was just made"))
    }
}

/// The store that an address leads to, and the place in it.
pub(super) fn find(address: &Address) -> Result<(Arc<dyn ObjectStore>, Path)> {
    // Fails only where a way to encrypt has been chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (bucket, key) = address.parts();
    if matches!(address.scheme, Scheme::Http | Scheme::Https) {
        // The whole address is the store: its escapes and its query stay as they are.
        return Ok((server_of(&address.url())?, Path::default()));
    }
    type Stores = HashMap<(Scheme, String), Arc<dyn ObjectStore>>;
    static STORES: Mutex<Option<Stores>> = Mutex::new(None);
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let stores = stores.get_or_insert_default();
    let known = (address.scheme, bucket.to_owned());
    let store = match stores.get(&known) {
        Some(store) => store.clone(),
        None => {
            let store = bucket_of(address.scheme, bucket)?;
            stores.insert(known, store.clone());
            store
        }
    };
    Ok((store, Path::parse(key).map_err(|source| Error::InvalidPath { source })?))
}

/// A server.
fn server_of(url: &str) -> Result<Arc<dyn ObjectStore>> {
    let (settings, retry) = (Patience::usual().settings(), Patience::usual().retry());
    let options = settings.into_iter().fold(ClientOptions::new(), |o, (key, v)| o.with_config(key, v));
    let builder = HttpBuilder::new().with_url(url).with_client_options(options.with_allow_http(true));
    Ok(Arc::new(builder.with_retry(retry).with_http_connector(Shared).build()?))
}

/// A bucket or container, with the credentials that the environment gives.
fn bucket_of(scheme: Scheme, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let (settings, retry) = (Patience::usual().settings(), Patience::usual().retry());
    Ok(match scheme {
        Scheme::Google => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry);
            let builder = settings.into_iter().fold(builder, |b, (k, v)| b.with_config(GoogleConfigKey::Client(k), v));
            Arc::new(builder.build()?)
        }
        Scheme::Azure => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retry);
            let builder = settings.into_iter().fold(builder, |b, (k, v)| b.with_config(AzureConfigKey::Client(k), v));
            Arc::new(builder.build()?)
        }
        _ => {
            let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
            let builder =
                settings.into_iter().fold(builder, |b, (k, v)| b.with_config(AmazonS3ConfigKey::Client(k), v));
            Arc::new(builder.build()?)
        }
    })
}
