//! The services of the shop and the resource that each of their pods reports.

use crate::attributes::{integer, text};
use sigyn_proto::otlp::resource::v1::Resource;

/// One service of the shop.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) replicas: u32,
    pub(crate) operations: &'static [&'static str],
    /// Services that it may call, as positions in [`SERVICES`].
    pub(crate) callees: &'static [usize],
    /// Median time of its own in microseconds.
    pub(crate) median_micros: f64,
}

const fn service(
    name: &'static str,
    replicas: u32,
    operations: &'static [&'static str],
    callees: &'static [usize],
    median_micros: f64,
) -> Service {
    Service { name, replicas, operations, callees, median_micros }
}

pub(crate) const FRONTEND_PROXY: usize = 0;
pub(crate) const FRONTEND: usize = 1;
pub(crate) const CHECKOUT: usize = 3;

pub(crate) const SERVICES: &[Service] = &[
    service("frontend-proxy", 2, &["ingress GET", "ingress POST"], &[1], 300.0),
    service(
        "frontend",
        4,
        &[
            "GET /",
            "GET /api/products/{id}",
            "GET /api/cart",
            "POST /api/cart",
            "POST /api/checkout",
            "GET /api/recommendations",
            "GET /api/currency",
            "GET /api/data",
        ],
        &[2, 3, 4, 5, 6, 7],
        900.0,
    ),
    service(
        "cart",
        3,
        &[
            "oteldemo.CartService/GetCart",
            "oteldemo.CartService/AddItem",
            "oteldemo.CartService/EmptyCart",
        ],
        &[11],
        400.0,
    ),
    service(
        "checkout",
        3,
        &["oteldemo.CheckoutService/PlaceOrder", "prepareOrderItemsAndShippingQuoteFromCart"],
        &[2, 4, 6, 8, 9, 10, 12],
        1500.0,
    ),
    service(
        "product-catalog",
        4,
        &[
            "oteldemo.ProductCatalogService/ListProducts",
            "oteldemo.ProductCatalogService/GetProduct",
            "oteldemo.ProductCatalogService/SearchProducts",
        ],
        &[13],
        500.0,
    ),
    service(
        "recommendation",
        2,
        &["oteldemo.RecommendationService/ListRecommendations"],
        &[4],
        2500.0,
    ),
    service(
        "currency",
        2,
        &["oteldemo.CurrencyService/Convert", "oteldemo.CurrencyService/GetSupportedCurrencies"],
        &[],
        120.0,
    ),
    service("ad", 2, &["oteldemo.AdService/GetAds"], &[14], 800.0),
    service("shipping", 2, &["POST /get-quote", "POST /ship-order"], &[15], 700.0),
    service("payment", 2, &["oteldemo.PaymentService/Charge"], &[], 1800.0),
    service("email", 1, &["POST /send_order_confirmation"], &[], 6000.0),
    service("valkey-cart", 1, &["HGET", "HMSET", "EXPIRE"], &[], 90.0),
    service("kafka", 1, &["orders publish", "orders process"], &[16, 17], 1200.0),
    service("postgresql", 1, &["SELECT products.catalog", "SELECT products.reviews"], &[], 1100.0),
    service(
        "flagd",
        2,
        &["flagd.evaluation.v1.Service/ResolveBoolean", "flagd.evaluation.v1.Service/EventStream"],
        &[],
        150.0,
    ),
    service("quote", 1, &["POST /getquote", "calculate-quote"], &[], 350.0),
    service("accounting", 1, &["order-consumed"], &[13], 2200.0),
    service("fraud-detection", 1, &["orders process"], &[14], 1700.0),
];

/// The resource of one replica of a service.
pub(crate) fn resource(service: usize, replica: u32) -> Resource {
    let name = SERVICES[service].name;
    let hash = (service as u32).wrapping_mul(2_654_435_761).wrapping_add(replica * 40_503);
    let language = ["go", "java", "python", "nodejs", "rust"][service % 5];

    Resource {
        attributes: vec![
            text("service.name", name),
            text("service.namespace", "opentelemetry-demo"),
            text("service.version", "2.1.3"),
            text("service.instance.id", format!("{name}-{hash:08x}-{replica}")),
            text("k8s.namespace.name", "otel-demo"),
            text("k8s.pod.name", format!("{name}-{hash:08x}-{replica:05}")),
            text(
                "k8s.node.name",
                format!("ip-10-0-{}-{}.ec2.internal", service % 4, (hash >> 8) & 255),
            ),
            text("k8s.deployment.name", name),
            text("telemetry.sdk.language", language),
            text("telemetry.sdk.name", "opentelemetry"),
            text("host.name", format!("{name}-{hash:08x}-{replica:05}")),
            integer("process.pid", 1 + i64::from(hash & 63)),
        ],
        ..Default::default()
    }
}
