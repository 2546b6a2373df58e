//! A change, document by document.

use crate::{Change, Document, Edit, Finding, Operation, Revision, Verdict, testing};

impl Change {
    /// The new documents under the keys this validator is bound to; deletes have none.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &Document)> {
        let bound = self.edits.iter().filter(|edit| edit.bound);
        bound.filter_map(|edit| Some((edit.key.as_str(), edit.new.as_ref()?)))
    }

    /// Applies one rule to each document in turn and rejects if any finding is an error. A rule may stop
    /// with `?`, as when the document does not parse. Findings without a key get the document's.
    pub fn judge<I: IntoIterator<Item = Finding>>(
        &self,
        mut rule: impl FnMut(&Document) -> Result<I, Finding>,
    ) -> Verdict {
        let mut findings = Vec::new();
        for (key, document) in self.documents() {
            let start = findings.len();
            match rule(document) {
                Ok(found) => findings.extend(found),
                Err(finding) => findings.push(finding),
            }
            for finding in &mut findings[start..] {
                finding.key.get_or_insert_with(|| key.into());
            }
        }
        findings.into_iter().collect()
    }

    /// Milliseconds since 1970 in log time, the only clock there is: equal on every host, whenever it judges.
    pub fn published_at(&self) -> u64 {
        self.revision.millis
    }

    /// A change of one document, for tests: what a publisher would send for a new key.
    pub fn of(key: &str, media_type: &str, text: &str) -> Self {
        let new = Some(testing::document(media_type, text));
        let edit = Edit { key: key.into(), operation: Operation::Create, bound: true, new };
        let revision = Revision { millis: 1, sequence: 0 };
        Self { edits: vec![edit], revision, author: None, reason: None, metadata: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decision;

    fn refuse_all(change: &Change) -> Verdict {
        change.judge(|_| Err::<Option<Finding>, _>(Finding::error("no", "never")))
    }

    #[test]
    fn a_finding_names_the_key_of_its_document() {
        let verdict = refuse_all(&Change::of("app/a.json", "application/json", "1"));
        assert_eq!(verdict.findings[0].key.as_deref(), Some("app/a.json"));
    }

    #[test]
    fn an_edit_that_is_not_bound_is_not_judged() {
        let mut change = Change::of("app/a.json", "application/json", "1");
        change.edits[0].bound = false;
        assert_eq!(refuse_all(&change).decision, Decision::Accept);
    }
}
