//! `[venue.feed]`: what of a venue's market is followed, and over which connections.

use connectors::feed::Contents;
use connectors::feed::dialect::Content;

use super::section::{Problems, Section};

/// Kinds of data by their words.
const CONTENTS: [(&str, Content); 7] = [
    ("trades", Content::Trades),
    ("quotes", Content::Quotes),
    ("depth", Content::Depth),
    ("marks", Content::Marks),
    ("candles", Content::Candles),
    ("open-interest", Content::OpenInterest),
    ("liquidations", Content::Liquidations),
];

/// What of a venue's market is followed, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FeedChoice {
    /// Kinds of data; `None` is the venue's own choice.
    pub(crate) contents: Option<Contents>,
    /// Most topics of a connection, if fewer than the venue allows.
    pub(crate) topics_per_connection: Option<usize>,
    /// Everything comes over two connections, of which the first one wins.
    pub(crate) redundant: bool,
}

pub(super) fn read(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<FeedChoice> {
    let contents = if section.has("contents") {
        Some(contents(&mut section, problems)?)
    } else {
        None
    };
    let topics = if section.has("topics_per_connection") {
        let most = section.integer(problems, "topics_per_connection", 8..=1_024, None)?;
        usize::try_from(most).ok()
    } else {
        None
    };
    let redundant = section.flag(problems, "redundant", false);
    section.finish(problems);
    Some(FeedChoice {
        contents,
        topics_per_connection: topics,
        redundant: redundant?,
    })
}

fn contents(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Contents> {
    let texts = section.texts(problems, "contents")?;
    let mut wanted = Vec::new();
    for text in &texts {
        match CONTENTS.iter().find(|(word, _)| word == text) {
            Some((_, content)) => wanted.push(*content),
            None => {
                let words: Vec<&str> = CONTENTS.iter().map(|(word, _)| *word).collect();
                let what = format!("\"{text}\" is not allowed: {} are", words.join(", "));
                section.problem(problems, "contents", what);
                return None;
            }
        }
    }
    let contents = Contents::of(&wanted);
    let whole = [Content::Trades, Content::Quotes, Content::Depth];
    if whole.iter().any(|content| !contents.has(*content)) {
        let what = "trades, quotes and depth must be among them: nothing is traded without them";
        section.problem(problems, "contents", what);
        return None;
    }
    Some(contents)
}
