//! HTML as a browser would understand it: html5ever's parser over a flat table of nodes. The only file that knows html5ever.
//! Nothing here recurses, so that no nesting overflows the stack; and since the parser takes time in proportion to the square
//! of how deep elements nest (100,000 nested `<div>` took 45 seconds), it is stopped where no mail program goes.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, LocalName, ParseOpts, QualName, local_name, ns, parse_document};

/// Open elements within one another.
const MAX_DEPTH: u32 = 256;
/// Nodes; an element of formatting that is never closed makes one more in every paragraph that follows.
const MAX_NODES: usize = 200_000;
/// Bytes handed to the parser between two looks at the limits.
const CHUNK: usize = 4 << 10;

/// A document.
#[derive(Debug)]
pub(super) struct Dom {
    nodes: Vec<Node>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum NodeKind {
    /// An element.
    Element(Element),
    /// Text between tags, entities resolved.
    Text(StrTendril),
    /// The document itself, a comment: nothing to see.
    Other,
}

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    name: LocalName,
    attributes: Vec<Attribute>,
    holds_quote: bool,
}

/// What a walk comes across, in the order of the text.
pub(super) enum Step<'d> {
    /// A start tag.
    Enter(&'d Element),
    /// Text.
    Text(&'d str),
    /// An end tag, written or implied.
    Leave,
}

/// Where a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Onward {
    /// With what the element holds.
    Into,
    /// Behind its end, which the walk does not mention.
    Past,
}

#[derive(Debug)]
struct Node {
    kind: NodeKind,
    depth: u32,
    parent: Option<usize>,
    first: Option<usize>,
    last: Option<usize>,
    previous: Option<usize>,
    next: Option<usize>,
}

impl Dom {
    /// Reads HTML; `None` where it nests too deep or makes too many nodes.
    pub(super) fn parse(html: &str) -> Option<Self> {
        let mut parser = parse_document(Sink::new(html.len()), ParseOpts::default());
        let mut rest = html;
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at_checked(rest.floor_char_boundary(CHUNK)).unwrap_or((rest, ""));
            parser.process(StrTendril::from_slice(chunk));
            if parser.tokenizer.sink.sink.is_over.get() {
                return None;
            }
            rest = behind;
        }
        let mut dom = Some(parser.finish()).filter(|dom| dom.nodes.len() <= MAX_NODES)?;
        dom.mark_quotes();
        Some(dom)
    }

    /// Tells every element around a `<blockquote>` that it holds one.
    fn mark_quotes(&mut self) {
        for id in 0..self.nodes.len() {
            let is_quote =
                |node: &Node| matches!(&node.kind, NodeKind::Element(element) if element.name() == "blockquote");
            let mut around = self.nodes.get(id).filter(|node| is_quote(node)).and_then(|node| node.parent);
            while let Some(node) = around.and_then(|around| self.nodes.get_mut(around)) {
                around = node.parent;
                if let NodeKind::Element(element) = &mut node.kind
                    && std::mem::replace(&mut element.holds_quote, true)
                {
                    break; // and so those around it know
                }
            }
        }
    }

    /// Goes through the document from top to bottom.
    pub(super) fn walk<'d>(&'d self, mut visit: impl FnMut(Step<'d>) -> Onward) {
        let mut at = self.node(0);
        while let Some(node) = at {
            let onward = match &node.kind {
                NodeKind::Element(element) => visit(Step::Enter(element)),
                NodeKind::Text(text) => visit(Step::Text(text)),
                NodeKind::Other => Onward::Into,
            };
            let inside = node.first.filter(|_| onward == Onward::Into);
            at = match inside.and_then(|first| self.node(first)) {
                Some(first) => Some(first),
                None => self.behind(node, onward, &mut visit),
            };
        }
    }

    /// The node behind one that is done, the elements that end there left.
    fn behind<'d>(
        &'d self,
        node: &'d Node,
        onward: Onward,
        visit: &mut impl FnMut(Step<'d>) -> Onward,
    ) -> Option<&'d Node> {
        let (mut node, mut is_left) = (node, onward == Onward::Past);
        loop {
            if let (NodeKind::Element(_), false) = (&node.kind, is_left) {
                visit(Step::Leave);
            }
            is_left = false;
            if let Some(next) = node.next {
                return self.node(next);
            }
            node = self.node(node.parent?)?;
        }
    }

    fn node(&self, id: usize) -> Option<&Node> {
        self.nodes.get(id)
    }
}

impl Element {
    /// Its name in lower case.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is a `<blockquote>` in it.
    pub(super) fn holds_quote(&self) -> bool {
        self.holds_quote
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
    }
}

/// What the parser puts its nodes into.
struct Sink {
    nodes: RefCell<Vec<Node>>,
    is_over: Cell<bool>,
}

/// A node to the parser, which asks for names all the time.
#[derive(Clone)]
struct Handle {
    id: usize,
    name: QualName,
}

impl Sink {
    fn new(bytes: usize) -> Self {
        let sink = Self { nodes: RefCell::new(Vec::with_capacity(bytes / 32 + 8)), is_over: Cell::new(false) };
        sink.add(NodeKind::Other);
        sink
    }

    fn add(&self, kind: NodeKind) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        if nodes.len() >= MAX_NODES {
            self.is_over.set(true);
        }
        nodes.push(Node { kind, depth: 0, parent: None, first: None, last: None, previous: None, next: None });
        nodes.len() - 1
    }

    fn nameless(&self, kind: NodeKind) -> Handle {
        Handle { id: self.add(kind), name: QualName::new(None, ns!(), local_name!("")) }
    }

    fn node<T>(&self, id: usize, change: impl FnOnce(&mut Node) -> T) -> Option<T> {
        self.nodes.borrow_mut().get_mut(id).map(change)
    }

    /// Text that touches text becomes one with it.
    fn is_merged(&self, before: Option<usize>, text: &StrTendril) -> bool {
        let merge = |node: &mut Node| match &mut node.kind {
            NodeKind::Text(held) => {
                held.push_tendril(text);
                true
            }
            NodeKind::Element(_) | NodeKind::Other => false,
        };
        before.and_then(|before| self.node(before, merge)).unwrap_or(false)
    }

    /// Puts a node without place between `before` and `after`, children of `parent`.
    fn place(&self, id: usize, parent: usize, before: Option<usize>, after: Option<usize>) {
        let depth = self.node(parent, |node| node.depth).unwrap_or_default() + 1;
        if depth > MAX_DEPTH {
            self.is_over.set(true);
        }
        self.node(id, |node| {
            (node.parent, node.depth, node.previous, node.next) = (Some(parent), depth, before, after);
        });
        match before {
            Some(before) => self.node(before, |node| node.next = Some(id)),
            None => self.node(parent, |node| node.first = Some(id)),
        };
        match after {
            Some(after) => self.node(after, |node| node.previous = Some(id)),
            None => self.node(parent, |node| node.last = Some(id)),
        };
    }

    fn detach(&self, id: usize) {
        let links = |node: &mut Node| (node.parent.take(), node.previous.take(), node.next.take());
        let Some((Some(parent), before, after)) = self.node(id, links) else { return };
        match before {
            Some(before) => self.node(before, |node| node.next = after),
            None => self.node(parent, |node| node.first = after),
        };
        match after {
            Some(after) => self.node(after, |node| node.previous = before),
            None => self.node(parent, |node| node.last = before),
        };
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Dom;
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Dom {
        Dom { nodes: self.nodes.into_inner() }
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle { id: 0, name: QualName::new(None, ns!(), local_name!("")) }
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        &target.name
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> Handle {
        let id = self.add(NodeKind::Element(Element { name: name.local.clone(), attributes, holds_quote: false }));
        Handle { id, name }
    }

    fn create_comment(&self, _: StrTendril) -> Handle {
        self.nameless(NodeKind::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        self.nameless(NodeKind::Other)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        let last = self.node(parent.id, |node| node.last).flatten();
        match child {
            NodeOrText::AppendText(text) if self.is_merged(last, &text) => {}
            NodeOrText::AppendText(text) => self.place(self.add(NodeKind::Text(text)), parent.id, last, None),
            NodeOrText::AppendNode(node) => self.place(node.id, parent.id, last, None),
        }
    }

    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        match self.node(element.id, |node| node.parent).flatten() {
            Some(_) => self.append_before_sibling(element, child),
            None => self.append(previous, child),
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// What a template holds is not shown, so that it need not stand apart.
    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        one.id == other.id
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new: NodeOrText<Handle>) {
        let Some((Some(parent), before)) = self.node(sibling.id, |node| (node.parent, node.previous)) else { return };
        match new {
            NodeOrText::AppendText(text) if self.is_merged(before, &text) => {}
            NodeOrText::AppendText(text) => {
                self.place(self.add(NodeKind::Text(text)), parent, before, Some(sibling.id));
            }
            NodeOrText::AppendNode(node) => {
                self.detach(node.id);
                let before = self.node(sibling.id, |node| node.previous).flatten();
                self.place(node.id, parent, before, Some(sibling.id));
            }
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attributes: Vec<Attribute>) {
        self.node(target.id, |node| {
            if let NodeKind::Element(element) = &mut node.kind {
                let held: Vec<QualName> = element.attributes.iter().map(|attribute| attribute.name.clone()).collect();
                element.attributes.extend(attributes.into_iter().filter(|attribute| !held.contains(&attribute.name)));
            }
        });
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        while let Some(child) = self.node(node.id, |node| node.first).flatten() {
            self.detach(child);
            let last = self.node(new_parent.id, |node| node.last).flatten();
            self.place(child, new_parent.id, last, None);
        }
    }
}
