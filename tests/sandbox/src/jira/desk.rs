//! What a service desk is: request types with their forms, and whom a request is raised for.

/// A project's service desk.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Numeric id, as text.
    pub id: String,
    /// What can be asked for.
    pub request_types: Vec<RequestType>,
    /// Account ids of its customers.
    pub customers: Vec<String>,
}

/// A kind of request, and its form.
#[derive(Debug, Clone)]
pub struct RequestType {
    /// Numeric id, as text.
    pub id: String,
    /// For people.
    pub name: String,
    /// The issue type's id.
    pub issue_type: String,
    /// Ids of the fields on its form: no others are taken.
    pub fields: Vec<String>,
    /// Ids of further fields, without which no request is raised.
    pub required: Vec<String>,
    /// Ids of fields on its form that only a validator asks for, when a request is raised without them.
    pub demanded: Vec<String>,
    /// Whether it may be raised for somebody else.
    pub raises_for_customers: bool,
    /// Whether others may take part.
    pub takes_participants: bool,
}

/// What makes an issue a request.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// The request type's id.
    pub kind: String,
    /// Account ids of those who take part.
    pub participants: Vec<String>,
    /// Files by name, and who sees them.
    pub files: Vec<(String, SeenBy)>,
}

/// Who sees something on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenBy {
    /// Its customers, too.
    Customers,
    /// Agents alone.
    Agents,
}

impl RequestType {
    /// The ids of all fields on its form.
    pub fn on_form(&self) -> impl Iterator<Item = &String> {
        self.fields.iter().chain(&self.required).chain(&self.demanded)
    }
}

impl Desk {
    /// A desk with one request type, `Ask a question`, whose form has a summary and a text.
    pub fn usual() -> Self {
        let ask = RequestType {
            id: "25".to_owned(),
            name: "Ask a question".to_owned(),
            issue_type: "10001".to_owned(),
            fields: vec!["summary".to_owned(), "description".to_owned()],
            required: Vec::new(),
            demanded: Vec::new(),
            raises_for_customers: true,
            takes_participants: true,
        };
        Self { id: "4".to_owned(), request_types: vec![ask], customers: Vec::new() }
    }
}
