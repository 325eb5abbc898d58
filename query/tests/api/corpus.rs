//! Every query of the corpus, as its clients ask it.

use crate::rig::Rig;
use std::fmt::Write;

pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    })
}

#[tokio::test]
async fn the_corpus_is_answered_as_it_says() {
    let rig = Rig::with_shop().await;
    let range = "start=1789999990&end=1790000010&step=5s";
    let mut wrong = Vec::new();
    for line in include_str!("../../testdata/corpus.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (what, text) = line.split_once(' ').unwrap();
        let text = encoded(&text.replace("\\n", "\n").replace("\\t", "\t"));
        let expected = match what {
            "search" => [200, 400],
            "metrics" => [200, 200],
            _ => [400, 400],
        };
        let paths =
            [format!("/api/search?q={text}"), format!("/api/metrics/query_range?{range}&q={text}")];
        for (path, expected) in paths.iter().zip(expected) {
            let answer = rig.get(path).await;
            let status = answer.status.as_u16();
            let has_message = status == 200 || !answer.body.is_empty();
            if status != expected || !has_message {
                wrong.push(format!("{line}: {status} {}", answer.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers: {}", wrong.len(), wrong.join("\n"));
}
