//! Traces to a collector, by OTLP over HTTP; only in a binary that was built with the feature `otel`.
//!
//! Spans of our own rooms go there, and their log lines with them as events; libraries stay out, the one that carries the
//! spans above all. Batches are sent beside the work, and what the collector does not take is lost: tracing never holds the
//! service up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber, info, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::spans::TraceContext;
use super::subscriber::TelemetryError;

/// How long the last spans may take at the end of the process.
const AT_THE_END: Duration = Duration::from_secs(5);

/// The one provider of this process, once there is one.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// A layer that hands spans to the collector at `endpoint`, an address without path; what else can be set, the variables of
/// OpenTelemetry in the process's environment tell. To be called on a runtime.
pub(super) fn layer<S>(endpoint: &str) -> Result<impl Layer<S> + Send + Sync, TelemetryError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let exporter = Otlp::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| TelemetryError::Traces(Box::new(error)))?;
    let exporter = OnRuntime {
        exporter: Arc::new(exporter),
        runtime: Handle::current(),
        is_failing: Arc::default(),
    };
    let mut resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    // Docker Compose passes on what is not set as an empty text.
    if std::env::var_os("OTEL_SERVICE_NAME").is_none_or(|name| name.is_empty()) {
        resource = resource.with_service_name("graph-mirror");
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    let tracer = PROVIDER.get_or_init(|| provider).tracer("graph-mirror");
    Ok(tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_filter(Targets::new().with_target("graph_mirror", LevelFilter::DEBUG)))
}

/// Makes a span that has not begun a part of a trace.
pub(super) fn adopt(span: &Span, context: TraceContext) {
    let flags = if context.is_sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    let place = SpanContext::new(
        TraceId::from_bytes(context.trace.uuid().into_bytes()),
        SpanId::from_bytes(context.parent.to_be_bytes()),
        flags,
        true,
        TraceState::default(),
    );
    // It fails where no layer of ours listens, as in a command that reports by itself.
    let _ = span.set_parent(Context::new().with_remote_span_context(place));
}

/// Sends what still waits, and ends.
pub(super) async fn finish() {
    let Some(provider) = PROVIDER.get() else {
        return;
    };
    // It waits for a thread of its own, which waits for the runtime.
    let ended = tokio::task::spawn_blocking(|| provider.shutdown_with_timeout(AT_THE_END)).await;
    if !matches!(ended, Ok(Ok(()))) {
        warn!("the last traces could not be handed to the collector");
    }
}

/// The batches come on a thread without a runtime, which the HTTP client needs.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<Otlp>,
    runtime: Handle,
    is_failing: Arc<AtomicBool>,
}

impl SpanExporter for OnRuntime {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let exporter = Arc::clone(&self.exporter);
        let sending = self
            .runtime
            .spawn(async move { exporter.export(batch).await });
        let is_failing = Arc::clone(&self.is_failing);
        async move {
            let sent = match sending.await {
                Ok(sent) => sent,
                Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
            };
            // Each change is said once: a collector may be away for a night.
            match (&sent, is_failing.swap(sent.is_err(), Ordering::Relaxed)) {
                (Err(error), false) => {
                    warn!(%error, "traces cannot be handed to the collector and are lost meanwhile");
                }
                (Ok(()), true) => info!("traces reach the collector again"),
                _ => {}
            }
            sent
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
