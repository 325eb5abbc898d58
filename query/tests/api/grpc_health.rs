//! gRPC `grpc.health.v1.Health`, as a probe asks it.

use crate::{rig::Rig, streaming::call_of};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct Told {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;

#[tokio::test]
async fn what_is_served_is_serving() {
    let rig = Rig::new().await;
    for service in ["", "tempopb.StreamingQuerier", "jaeger.storage.v2.TraceReader"] {
        let asked = Asked { service: service.into() };
        let (told, code, _) = call_of::<Told>(&rig, "grpc.health.v1.Health", "Check", &asked).await;
        assert_eq!((told, code.as_str()), (vec![Told { status: SERVING }], "0"), "{service}");
    }
}

#[tokio::test]
async fn an_unknown_service_and_an_endless_watch_are_refused() {
    let rig = Rig::new().await;
    let asked = Asked { service: "shop.Till".into() };
    let (told, code, message) =
        call_of::<Told>(&rig, "grpc.health.v1.Health", "Check", &asked).await;
    assert_eq!((told, code.as_str()), (vec![], "5"));
    assert_eq!(message, "there is no service \"shop.Till\" here");
    let asked = Asked::default();
    let (_, code, _) = call_of::<Told>(&rig, "grpc.health.v1.Health", "Watch", &asked).await;
    assert_eq!(code, "12");
}
