//! Nodes to text, within bounds.

use super::Set;
use super::functions::{self, Patterns};
use super::parse::{Node, Operand, Pipe};
use super::value::{DEPTH_MAX, Value};

const STEPS_MAX: u64 = 200_000;
/// Slack takes 40 kB, a mail what one can read.
pub(super) const OUTPUT_BYTES_MAX: usize = 512 << 10;
/// All texts that functions make on the way, kept or not.
const MADE_BYTES_MAX: usize = 16 << 20;
/// Of values, that are looked at for how deep they are: those of ten thousand alerts a hundred times.
const PARTS_MAX: usize = 20_000_000;
/// Templates within templates. Each takes a few kB of stack for each of its blocks.
const CALLS_MAX: usize = 32;
/// Blocks and pipes within each other, over all those templates: a thread's stack has 2 MB.
const DEEP_MAX: usize = 150;

pub(super) fn run(
    set: &Set,
    name: &str,
    nodes: &[Node],
    dot: &Value,
    variables: &[(&str, Value)],
) -> Result<String, String> {
    let mut run = Run {
        set,
        out: String::new(),
        steps: 0,
        line: 1,
        made: 0,
        parts_left: PARTS_MAX,
        patterns: Patterns::default(),
        scope: Vec::new(),
        calls: 0,
        deep: 0,
        names: vec![name.to_owned()],
    };
    run.scope.push((String::new(), dot.clone()));
    run.scope.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    match run.nodes(nodes, dot) {
        Ok(_) => Ok(run.out),
        Err((line, what)) => {
            let (name, line) = (run.names.last(), if line == 0 { run.line } else { line });
            Err(format!("template {}, line {line}: {what}", name.map_or("", String::as_str)))
        }
    }
}

/// With the line.
type Wrong = (usize, String);

#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'a> {
    set: &'a Set,
    out: String,
    steps: u64,
    /// The last one that something was done on.
    line: usize,
    made: usize,
    parts_left: usize,
    patterns: Patterns,
    /// The first one is `$`.
    scope: Vec<(String, Value)>,
    calls: usize,
    deep: usize,
    names: Vec<String>,
}

impl Run<'_> {
    fn step(&mut self, line: usize) -> Result<(), Wrong> {
        self.steps += 1;
        if line > 0 {
            self.line = line;
        }
        if self.steps > STEPS_MAX {
            Err((line, format!("it takes more than {STEPS_MAX} steps")))
        } else {
            Ok(())
        }
    }

    fn deeper(&mut self, line: usize) -> Result<(), Wrong> {
        self.deep += 1;
        if self.deep > DEEP_MAX {
            Err((line, format!("it goes more than {DEEP_MAX} deep")))
        } else {
            Ok(())
        }
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Wrong> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// What a block declares ends with it.
    fn block(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Wrong> {
        let before = self.scope.len();
        self.deeper(0)?;
        let flow = self.nodes(nodes, dot);
        self.deep -= 1;
        self.scope.truncate(before);
        flow
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Wrong> {
        match node {
            Node::Text(text) => {
                self.step(0)?;
                self.out.push_str(text);
                if self.out.len() > OUTPUT_BYTES_MAX {
                    return Err((0, format!("it makes more than {OUTPUT_BYTES_MAX} bytes")));
                }
            }
            Node::Out(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    value
                        .print(&mut self.out, OUTPUT_BYTES_MAX)
                        .map_err(|what| (pipe.line, what))?;
                }
            }
            Node::If(pipe, body, otherwise) => {
                let before = self.scope.len();
                let holds = self.pipe(pipe, dot)?.is_true();
                let flow = self.block(if holds { body } else { otherwise }, dot);
                self.scope.truncate(before);
                return flow;
            }
            Node::With(pipe, body, otherwise) => {
                let before = self.scope.len();
                let value = self.pipe(pipe, dot)?;
                let flow = if value.is_true() {
                    self.block(body, &value)
                } else {
                    self.block(otherwise, dot)
                };
                self.scope.truncate(before);
                return flow;
            }
            Node::Range(pipe, body, otherwise) => return self.range(pipe, body, otherwise, dot),
            Node::Template(line, name, pipe) => self.call(*line, name, pipe.as_ref(), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, Wrong> {
        let before = self.scope.len();
        let over = self.commands(pipe, dot)?;
        type Items<'a> = Box<dyn Iterator<Item = (Value, Value)> + 'a>;
        let items: Items<'_> = match &over {
            Value::List(all) => Box::new((0..).map(Value::Int).zip(all.iter().cloned())),
            Value::Map(all) => {
                Box::new(all.iter().map(|(name, value)| (name.as_str().into(), value.clone())))
            }
            Value::Int(count) => Box::new((0..*count).map(|n| (Value::Int(n), Value::Int(n)))),
            Value::Nil => Box::new(std::iter::empty()),
            other => {
                return Err((
                    pipe.line,
                    format!("range goes over a list or a map, not over {}", other.kind()),
                ));
            }
        };
        let mut items = items.peekable();
        if items.peek().is_none() {
            return self.block(otherwise, dot);
        }
        for (key, value) in items {
            self.step(pipe.line)?;
            match pipe.variables.as_slice() {
                [] => {}
                [one] => self.scope.push((one.clone(), value.clone())),
                [index, one, ..] => {
                    self.scope.push((index.clone(), key));
                    self.scope.push((one.clone(), value.clone()));
                }
            }
            let flow = self.block(body, &value);
            self.scope.truncate(before);
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn call(
        &mut self,
        line: usize,
        name: &str,
        pipe: Option<&Pipe>,
        dot: &Value,
    ) -> Result<(), Wrong> {
        self.step(line)?;
        let value = pipe.map_or(Ok(Value::Nil), |pipe| self.pipe(pipe, dot))?;
        let Some(nodes) = self.set.get(name).cloned() else {
            return Err((line, format!("there is no template {name:?}")));
        };
        if self.calls >= CALLS_MAX {
            return Err((line, format!("templates call each other more than {CALLS_MAX} deep")));
        }
        self.calls += 1;
        self.names.push(name.to_owned());
        let outside = std::mem::replace(&mut self.scope, vec![(String::new(), value.clone())]);
        self.nodes(&nodes, &value)?;
        self.scope = outside;
        self.names.pop();
        self.calls -= 1;
        Ok(())
    }

    /// With what it declares.
    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Wrong> {
        let value = self.commands(pipe, dot)?;
        if let Some(name) = pipe.variables.last() {
            if pipe.assigns {
                let known = self.scope.iter_mut().rev().find(|(known, _)| known == name);
                let known = known.ok_or_else(|| (pipe.line, format!("${name} is not declared")))?;
                known.1 = value.clone();
            } else {
                self.scope.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Wrong> {
        let mut last: Option<Value> = None;
        self.deeper(pipe.line)?;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last, pipe.line)?);
        }
        self.deep -= 1;
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
        line: usize,
    ) -> Result<Value, Wrong> {
        self.step(line)?;
        let Some((first, rest)) = operands.split_first() else { return Ok(Value::Nil) };
        if let Operand::Function(name) = first {
            // These look at no more arguments than they need.
            if matches!(name.as_str(), "and" | "or") {
                return self.until(name == "or", rest, dot, last, line);
            }
            let mut arguments = Vec::with_capacity(rest.len() + 1);
            for operand in rest {
                arguments.push(self.operand(operand, dot, line)?);
            }
            arguments.extend(last);
            return self.function(name, &arguments, line);
        }
        if rest.is_empty() && last.is_none() {
            return self.operand(first, dot, line);
        }
        // A method with arguments: of labels, and of times.
        let (owner, method) = match first {
            Operand::Field(fields) => (dot.clone(), fields.split_last()),
            Operand::Variable(name, fields) => (self.variable(name, line)?, fields.split_last()),
            Operand::Paren(pipe, fields) => (self.pipe(pipe, dot)?, fields.split_last()),
            _ => return Err((line, "a value takes no arguments".to_owned())),
        };
        let Some((method, way)) = method else {
            return Err((line, "a value takes no arguments".to_owned()));
        };
        let owner = self.walk(owner, way, line)?;
        let mut arguments = vec![owner];
        for operand in rest {
            arguments.push(self.operand(operand, dot, line)?);
        }
        arguments.extend(last);
        self.function(&format!(".{method}"), &arguments, line)
    }

    fn until(
        &mut self,
        wanted: bool,
        rest: &[Operand],
        dot: &Value,
        last: Option<Value>,
        line: usize,
    ) -> Result<Value, Wrong> {
        let mut value = Value::Nil;
        for operand in rest {
            value = self.operand(operand, dot, line)?;
            if value.is_true() == wanted {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn function(&mut self, name: &str, arguments: &[Value], line: usize) -> Result<Value, Wrong> {
        let value = functions::call(self.set, &mut self.patterns, name, arguments);
        let value = value.map_err(|what| (line, what))?;
        if !value.is_shallow(DEPTH_MAX, &mut self.parts_left) {
            return Err((
                line,
                format!("values are nested more than {DEPTH_MAX} deep, or too large"),
            ));
        }
        self.made += match &value {
            Value::Text(text) => text.len(),
            Value::List(all) => all.len() * size_of::<Value>(),
            Value::Map(all) => all.len() * size_of::<Value>(),
            _ => 0,
        };
        if self.made > MADE_BYTES_MAX {
            return Err((line, format!("its functions make more than {MADE_BYTES_MAX} bytes")));
        }
        Ok(value)
    }

    fn variable(&self, name: &str, line: usize) -> Result<Value, Wrong> {
        let found = if name.is_empty() {
            self.scope.first()
        } else {
            self.scope.iter().rev().find(|(known, _)| known == name)
        };
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| (line, format!("${name} is not declared")))
    }

    fn walk(&self, from: Value, fields: &[String], line: usize) -> Result<Value, Wrong> {
        fields.iter().try_fold(from, |value, name| value.field(name)).map_err(|what| (line, what))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value, line: usize) -> Result<Value, Wrong> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Field(fields) => self.walk(dot.clone(), fields, line),
            Operand::Variable(name, fields) => {
                let value = self.variable(name, line)?;
                self.walk(value, fields, line)
            }
            Operand::Function(name) => {
                self.step(line)?;
                self.function(name, &[], line)
            }
            Operand::Paren(pipe, fields) => {
                let value = self.pipe(pipe, dot)?;
                self.walk(value, fields, line)
            }
        }
    }
}
