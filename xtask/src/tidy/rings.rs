//! Rule `disruptor-place`: the rings are built in one folder.

use super::Violation;
use super::mask::has_word;
use super::tree::Tree;

/// The pipeline, and the benches that measure our ring against the bare one.
const PLACES: [&str; 2] = ["engine/src/pipeline/", "bench/"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree
        .rust()
        .filter(|file| !PLACES.iter().any(|place| file.path.starts_with(place)))
    {
        for (number, line) in file.numbered() {
            if has_word(&line.code, "disruptor::") || has_word(&line.code, "use disruptor") {
                found.push(Violation::new(
                    &file.path,
                    number,
                    "names the ring crate",
                    "the topology, and with it the order of stages, is drawn in one folder",
                    "build or poll rings in engine/src/pipeline/ and hand out stages",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn disruptor_outside_the_pipeline_is_found() {
        let text = "//! x\nuse disruptor::EventPoller;\n";
        assert_eq!(
            places(check, &[("engine/src/x.rs", text)]),
            ["engine/src/x.rs:2"]
        );
        assert!(places(check, &[("engine/src/pipeline/x.rs", text)]).is_empty());
        let prose = "//! The disruptor::Producer of the pipeline.\nuse my_disruptor::x;\n";
        assert!(places(check, &[("engine/src/x.rs", prose)]).is_empty());
    }
}
