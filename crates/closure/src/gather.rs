//! What renderings need, put together: each need once, with the first variant that has it.

use std::collections::{BTreeMap, BTreeSet};

use airlock_helm::chart::Chart;
use airlock_helm::images::{Class, Finding, Found, Gap, Notice, Place, Rule, Source};
use airlock_helm::render::RenderError;
use airlock_types::{Reference, Repository};

use crate::need::{Need, Needs, Unknown};

/// Needs that were gathered so far.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    needs: Vec<Need>,
    unknowns: Vec<Unknown>,
    /// The surest class of each image that is deployed.
    deployed: BTreeMap<Reference, Class>,
    findings: BTreeSet<Finding>,
    notices: BTreeSet<Notice>,
}

impl Gathering {
    /// What is needed as it is deployed; it comes before any variant.
    pub(crate) fn deployed(&mut self, found: Found) {
        for finding in found.findings {
            let class = self
                .deployed
                .entry(finding.reference.clone())
                .or_insert(finding.class);
            *class = finding.class.min(*class);
            self.findings.insert(finding.clone());
            self.needs.push(Need {
                finding,
                variant: None,
            });
        }
        for notice in found.notices {
            self.notices.insert(notice.clone());
            self.unknowns.push(Unknown {
                notice,
                variant: None,
            });
        }
    }

    /// Whether this is needed neither anyway nor in a variant that was told before.
    pub(crate) fn is_news(&self, finding: &Finding) -> bool {
        let anyway = self.deployed.get(&finding.reference);
        anyway.is_none_or(|class| finding.class < *class) && !self.findings.contains(finding)
    }

    /// What of a variant is news, which is little.
    pub(crate) fn news(&self, found: Found) -> Found {
        let Found {
            mut findings,
            mut notices,
        } = found;
        findings.retain(|finding| self.is_news(finding));
        notices.retain(|notice| !self.notices.contains(notice));
        Found { findings, notices }
    }

    /// What is needed in a variant.
    pub(crate) fn variant(&mut self, found: &Found, name: &str) {
        for finding in &found.findings {
            if self.is_news(finding) {
                self.findings.insert(finding.clone());
                self.needs.push(Need {
                    finding: finding.clone(),
                    variant: Some(name.to_owned()),
                });
            }
        }
        for notice in &found.notices {
            if self.notices.insert(notice.clone()) {
                self.unknowns.push(Unknown {
                    notice: notice.clone(),
                    variant: Some(name.to_owned()),
                });
            }
        }
    }

    /// A variant that cannot be rendered, or only without what it requires.
    pub(crate) fn refused(&mut self, chart: &Chart, name: &str, error: &RenderError) {
        let mut text = String::new();
        for line in error.to_string().lines().map(str::trim) {
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(line);
            // Some of Helm's errors are as long as the rendered text.
            if text.len() > 400 {
                let end = text.floor_char_boundary(400);
                text.truncate(end);
                text.push('…');
                break;
            }
        }
        self.unknowns.push(Unknown {
            notice: Notice {
                gap: Gap::Unrendered,
                text,
                place: place(chart),
            },
            variant: Some(name.to_owned()),
        });
    }

    /// Something that was not looked at, in one clause.
    pub(crate) fn bound(&mut self, chart: &Chart, text: &str) {
        self.unknowns.push(Unknown {
            notice: Notice {
                gap: Gap::Unread,
                text: text.to_owned(),
                place: place(chart),
            },
            variant: None,
        });
    }

    /// All of it, without what is only possible where it is rendered as well.
    pub(crate) fn finish(self) -> Needs {
        let rendered = self
            .needs
            .iter()
            .filter(|need| need.finding.class < Class::Possible);
        let references: BTreeSet<Reference> = rendered.map(|need| need.finding.reference.clone()).collect();
        let repositories: BTreeSet<Repository> =
            references.iter().map(|one| one.repository.clone()).collect();
        let mut needs = self.needs;
        needs.retain(|need| match need.finding.rule {
            Rule::ValuesVersion => !repositories.contains(&need.finding.reference.repository),
            rule if rule.class() == Class::Possible => !references.contains(&need.finding.reference),
            _ => true,
        });
        Needs {
            needs,
            unknowns: self.unknowns,
        }
    }
}

/// The values of a chart, which decide what is rendered.
fn place(chart: &Chart) -> Place {
    Place {
        source: Source {
            chart: Some(chart.metadata().name.as_str().into()),
            file: "values.yaml".into(),
        },
        ..Place::default()
    }
}
