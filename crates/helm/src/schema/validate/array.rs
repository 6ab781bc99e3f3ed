//! Keywords of arrays.

use super::{Draft, Findings, Keywords, Kind, List, Part, Problem, Result, Validator, Value, equal, number};

impl Validator<'_> {
    pub(super) fn array(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        items: &List,
        findings: &mut Findings,
    ) -> Result<()> {
        self.bounds(schema, ["minItems", "maxItems"], items.len(), findings);
        if matches!(schema.get("uniqueItems"), Some(Value::Bool(true))) {
            self.unique(items, findings)?;
        }
        let listed = if part.draft == Draft::Twenty {
            "prefixItems"
        } else {
            "items"
        };
        let listed = match schema.get(listed) {
            Some(Value::List(schemas)) => Some(schemas),
            _ => None,
        };
        let count = listed
            .as_ref()
            .map_or(0, |schemas| schemas.len().min(items.len()));
        for (index, (inner, item)) in listed
            .iter()
            .flat_map(|schemas| schemas.iter())
            .zip(items.iter())
            .enumerate()
        {
            let problem = self.check_below(&self.inner(part, inner.clone()), item, index.to_string())?;
            findings.problems.extend(problem);
        }
        let rest = if part.draft == Draft::Twenty || listed.is_none() {
            "items"
        } else {
            "additionalItems"
        };
        let rest = schema.get(rest).filter(|rest| !matches!(rest, Value::List(_)));
        let mut evaluated = count;
        match rest {
            Some(Value::Bool(false)) if part.draft < Draft::Twenty && listed.is_some() => {
                evaluated = items.len();
                if count != items.len() {
                    let left = number::count(items.len() - count);
                    findings
                        .problems
                        .push(self.text(format!("last {left} additionalItem(s) not allowed")));
                }
            }
            Some(inner) => {
                evaluated = items.len();
                let inner = self.inner(part, inner);
                // Go counts these from 0 again.
                for (index, item) in items.iter().skip(count).enumerate() {
                    let problem = self.check_below(&inner, item, index.to_string())?;
                    findings.problems.extend(problem);
                }
            }
            None => {}
        }
        if findings.wanted {
            findings.seen.items.extend(0..evaluated);
        }
        self.contains(part, schema, items, findings)
    }

    fn unique(&mut self, items: &List, findings: &mut Findings) -> Result<()> {
        for (index, item) in items.iter().enumerate() {
            self.budget.step(index as u64 / 4)?;
            if let Some(before) = items.iter().take(index).position(|other| equal(item, other, 0)) {
                let (before, index) = (number::count(before), number::count(index));
                findings
                    .problems
                    .push(self.text(format!("items at {before} and {index} are equal")));
                return Ok(());
            }
        }
        Ok(())
    }

    fn contains(
        &mut self,
        part: &Part,
        schema: &Keywords<'_>,
        items: &List,
        findings: &mut Findings,
    ) -> Result<()> {
        let Some(inner) = schema.get("contains").filter(|_| part.draft >= Draft::Six) else {
            return Ok(());
        };
        let inner = self.inner(part, inner);
        let mut problems = Vec::new();
        let mut matched = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match self.check_below(&inner, item, index.to_string())? {
                Some(problem) => problems.push(problem),
                None => matched.push(index),
            }
        }
        if findings.wanted && part.draft == Draft::Twenty {
            findings.seen.items.extend(&matched);
        }
        let places: Vec<String> = matched.iter().map(usize::to_string).collect();
        let count = number::count(matched.len());
        let places = places.join(" ");
        let bound = |keyword: &str| {
            schema
                .get(keyword)
                .as_ref()
                .and_then(number::size)
                .filter(|_| part.draft >= Draft::Nineteen)
        };
        let text = match bound("minContains") {
            Some(least) if matched.len() < least => {
                let least = number::count(least);
                Some(if matched.is_empty() {
                    format!("min {least} items required to match contains schema, but none matched")
                } else {
                    format!(
                        "min {least} items required to match contains schema, but matched {count} items at {places}"
                    )
                })
            }
            None if matched.is_empty() => Some("no items match contains schema".to_owned()),
            _ => None,
        };
        if let Some(text) = text {
            findings
                .problems
                .push(Problem::new(&self.path, Kind::Text(text), problems));
        }
        if let Some(most) = bound("maxContains").filter(|most| matched.len() > *most) {
            let most = number::count(most);
            findings.problems.push(self.text(format!(
                "max {most} items required to match contains schema, but matched {count} items at {places}"
            )));
        }
        Ok(())
    }
}
