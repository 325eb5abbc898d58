//! The requests that every client's tests make, as far as they can be made from outside.

use serde_json::Value;

/// `clients/vectors/protocol.json`, as part of the binary.
const PROTOCOL: &str = include_str!("../../../../clients/vectors/protocol.json");

/// The cases by name.
pub(super) struct Vectors {
    cases: Value,
}

/// One request of a case, and what must come.
#[derive(Clone, Debug)]
pub(super) struct Step<'a> {
    pub(super) query: &'a str,
    pub(super) method: &'a str,
    pub(super) accept_encoding: Option<&'a str>,
    pub(super) status: u16,
    /// The content codings that are right; `None` among them is none.
    pub(super) encodings: Vec<Option<&'a str>>,
}

impl Vectors {
    pub(super) fn load() -> Self {
        let mut file: Value =
            serde_json::from_str(PROTOCOL).expect("a test reads this file with the same binary");
        Self { cases: file["cases"].take() }
    }

    /// The requests of a case.
    pub(super) fn steps(&self, name: &str) -> Vec<Step<'_>> {
        let mut cases = self.cases.as_array().into_iter().flatten();
        let case = cases.find(|case| case["name"] == name);
        let case = case.expect("the names used here stand in the file, as a test sees");
        let steps = case["steps"].as_array().into_iter().flatten();
        steps.filter(|step| step["get"].is_string()).map(Step::of).collect()
    }
}

impl<'a> Step<'a> {
    fn of(step: &'a Value) -> Self {
        let expect = &step["expect"];
        Self {
            query: step["get"].as_str().unwrap_or_default(),
            method: step["method"].as_str().unwrap_or("GET"),
            accept_encoding: step["accept_encoding"].as_str(),
            status: expect["status"].as_u64().map_or(200, |status| status as u16),
            encodings: expect["encoding"]
                .as_array()
                .map(|all| all.iter().map(Value::as_str).collect())
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Vectors;

    #[test]
    fn the_cases_that_are_used_stand_in_the_file() {
        let vectors = Vectors::load();
        for (name, count) in [
            ("encodings", 7),
            ("an epoch of nobody's", 1),
            ("an epoch of nobody's, from a buffer with shards", 1),
            ("what is no cursor", 12),
            ("parameters with a fault are named", 14),
            ("parameters that are good", 17),
            ("other methods", 2),
            ("wait: a cursor of another life is answered at once", 1),
        ] {
            assert!(vectors.steps(name).len() >= count, "{name}");
        }
        let step = &vectors.steps("what is no cursor")[0];
        assert_eq!((step.query, step.method, step.status), ("cursor=banana", "GET", 400));
        let step = &vectors.steps("encodings")[4];
        assert_eq!((step.accept_encoding, &step.encodings[..]), (Some("gzip;q=0"), &[None][..]));
    }
}
