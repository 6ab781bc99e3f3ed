//! Findings, counted and shown.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::{Finding, Status};

/// How many checks came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Those that are well.
    pub ok: usize,
    /// Those that could be better.
    pub warn: usize,
    /// Those that are not well.
    pub fail: usize,
    /// Those with nothing to check.
    pub skipped: usize,
    /// Those that could not tell.
    pub not_established: usize,
}

impl Summary {
    /// Counts findings.
    pub fn of<X>(findings: &[Finding<X>]) -> Self {
        let mut summary = Self::default();
        for finding in findings {
            summary.add(finding.status);
        }
        summary
    }

    /// Counts one more.
    pub fn add(&mut self, status: Status) {
        let count = match status {
            Status::Ok => &mut self.ok,
            Status::Warn => &mut self.warn,
            Status::Fail => &mut self.fail,
            Status::Skipped => &mut self.skipped,
            Status::NotEstablished => &mut self.not_established,
        };
        *count += 1;
    }
}

/// One line for people.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ok,
            warn,
            fail,
            skipped,
            not_established,
        } = self;
        write!(
            f,
            "{ok} ok, {skipped} skipped, {not_established} not established, {warn} warnings, {fail} failed"
        )
    }
}

/// Lines for people: by group, the groups in which all is well first, and the worst last. Names of checks take `width`
/// columns; `remark` is what stands behind a remedy.
pub fn text<X>(
    findings: &[Finding<X>],
    width: usize,
    remark: impl Fn(&Finding<X>) -> &'static str,
) -> String {
    let mut groups: Vec<(&str, Vec<&Finding<X>>)> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|(group, _)| *group == finding.group()) {
            Some((_, findings)) => findings.push(finding),
            None => groups.push((finding.group(), vec![finding])),
        }
    }
    groups.sort_by_key(|(_, findings)| findings.iter().map(|finding| finding.status).max());
    let mut out = String::new();
    // Writing to a string cannot fail.
    for (group, mut findings) in groups {
        let _ = writeln!(out, "{group}");
        findings.sort_by_key(|finding| finding.status);
        for finding in findings {
            let status = finding.status.as_str();
            let _ = writeln!(out, "  {status:15} {:width$} {}", finding.id, finding.evidence);
            if let Some(remedy) = &finding.remedy {
                let _ = writeln!(out, "  {:15} → {remedy}{}", "", remark(finding));
            }
        }
    }
    let _ = writeln!(out, "\n{}", Summary::of(findings));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    #[test]
    fn the_worst_comes_last() {
        let found = [
            Finding::new("b.two", "", Outcome::<()>::fail("broken", "mend it")),
            Finding::new("b.one", "", Outcome::ok("well")),
            Finding::new("a.one", "", Outcome::unknown("nobody knows")),
            Finding::new("c.one", "", Outcome::skipped("not asked")),
        ];
        let shown = text(
            &found,
            6,
            |finding| {
                if finding.id == "b.two" { " (by hand)" } else { "" }
            },
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "c",
                "  skipped         c.one  not asked",
                "a",
                "  not established a.one  nobody knows",
                "b",
                "  ok              b.one  well",
                "  fail            b.two  broken",
                "                  → mend it (by hand)",
                "",
                "1 ok, 1 skipped, 1 not established, 0 warnings, 1 failed",
            ]
        );
    }
}
