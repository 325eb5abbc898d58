//! `ec2_sd_configs` against a server that answers as the EC2 API does.

use super::rig::{Rig, Served, map};
use axum::{
    Router,
    extract::{Query, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

const PAGES: [&str; 2] = [
    r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
 <reservationSet><item><ownerId>111</ownerId><instancesSet>
  <item><instanceId>i-1</instanceId><imageId>ami-1</imageId>
   <instanceState><code>16</code><name>running</name></instanceState>
   <privateDnsName>ip-10-0-0-1.local</privateDnsName><dnsName>ec2.example</dnsName>
   <instanceType>m5.large</instanceType><instanceLifecycle>spot</instanceLifecycle>
   <placement><availabilityZone>eu-1a</availabilityZone></placement><platform>windows</platform>
   <subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>
   <privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>203.0.113.1</ipAddress>
   <architecture>x86_64</architecture>
   <tagSet><item><key>Name</key><value>cart &amp; co</value></item>
    <item><key>team:owner</key><value>red</value></item><item><key>empty</key><value/></item></tagSet>
   <networkInterfaceSet>
    <item><subnetId>subnet-1</subnetId><attachment><deviceIndex>1</deviceIndex></attachment>
     <ipv6AddressesSet><item><ipv6Address>fd00::1</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item>
      <item><ipv6Address>fd00::2</ipv6Address></item></ipv6AddressesSet></item>
    <item><subnetId>subnet-2</subnetId><attachment><deviceIndex>0</deviceIndex></attachment></item>
    <item><subnetId>subnet-1</subnetId><attachment><deviceIndex>2</deviceIndex></attachment></item>
   </networkInterfaceSet></item>
  <item><instanceId>i-2</instanceId></item>
 </instancesSet></item></reservationSet><nextToken>page+2</nextToken>
</DescribeInstancesResponse>"#,
    r#"<DescribeInstancesResponse><reservationSet><item><ownerId>222</ownerId><instancesSet>
  <item><instanceId>i-3</instanceId><ipv6Address>fd00::3</ipv6Address></item>
 </instancesSet></item></reservationSet></DescribeInstancesResponse>"#,
];

const ZONES: &str = "<R><availabilityZoneInfo><item><zoneName>eu-1a</zoneName>\
                     <zoneId>euz1</zoneId></item></availabilityZoneInfo></R>";

const REFUSAL: &str = "<Response><Errors><Error><Code>AuthFailure</Code><Message>not you</Message>\
                       </Error></Errors></Response>";

fn answer(query: &BTreeMap<String, String>, request: &Request, is_refused: bool) -> Response {
    // The day of the test's clock.
    let signature = request.headers()["authorization"].to_str().unwrap();
    assert!(
        signature.starts_with(
            "AWS4-HMAC-SHA256 Credential=AK/20251222/eu-1/ec2/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature="
        ),
        "{signature}"
    );
    if is_refused {
        return (StatusCode::UNAUTHORIZED, REFUSAL).into_response();
    }
    match (&*query["Action"], query.get("NextToken").map(String::as_str)) {
        ("DescribeAvailabilityZones", None) => ZONES.into_response(),
        ("DescribeInstances", token) => {
            assert_eq!(query["Filter.1.Name"], "tag:team");
            assert_eq!(query["Filter.1.Value.2"], "a b");
            PAGES[usize::from(token == Some("page+2"))].into_response()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn instances_are_targets() {
    let is_refused = Arc::new(Mutex::new(false));
    let refuses = Arc::clone(&is_refused);
    let answer = async move |Query(query): Query<BTreeMap<String, String>>, request: Request| {
        answer(&query, &request, *refuses.lock())
    };
    let server = Served::start(Router::new().route("/", get(answer))).await;
    let mut rig = Rig::start(&format!(
        "ec2_sd_configs: [{{region: eu-1, endpoint: 'http://{}', access_key: AK, secret_key: SK, \
         port: 81, refresh_interval: 400ms, filters: [{{name: 'tag:team', values: [red, a b]}}]}}]",
        server.address
    ));
    rig.until(&["10.0.0.1:81", "[fd00::3]:81"]).await;
    assert_eq!(
        rig.labels("10.0.0.1:81", "__meta_ec2_"),
        map(&[
            ("instance_id", "i-1"),
            ("region", "eu-1"),
            ("owner_id", "111"),
            ("private_ip", "10.0.0.1"),
            ("private_dns_name", "ip-10-0-0-1.local"),
            ("public_ip", "203.0.113.1"),
            ("public_dns_name", "ec2.example"),
            ("platform", "windows"),
            ("ami", "ami-1"),
            ("architecture", "x86_64"),
            ("availability_zone", "eu-1a"),
            ("availability_zone_id", "euz1"),
            ("instance_state", "running"),
            ("instance_type", "m5.large"),
            ("instance_lifecycle", "spot"),
            ("vpc_id", "vpc-1"),
            ("primary_subnet_id", "subnet-1"),
            ("subnet_id", ",subnet-1,subnet-2,"),
            ("ipv6_addresses", ",fd00::1,fd00::2,"),
            ("primary_ipv6_addresses", ",,fd00::1,"),
            ("tag_Name", "cart & co"),
            ("tag_team_owner", "red"),
        ])
    );
    assert_eq!(rig.groups.borrow()["a"][0].source, "eu-1");
    *is_refused.lock() = true;
    rig.until_failed("ec2", 0).await;
    assert_eq!(rig.addresses(), ["10.0.0.1:81", "[fd00::3]:81"]);
}
