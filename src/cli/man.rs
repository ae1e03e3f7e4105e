//! `man`: the manual page, with a section for every command.

use std::io;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::arguments::Arguments;
use super::{Failure, report};

/// What arguments do not tell.
const ENDING: &str = r#".SH "EXIT STATUS"
.TP
\fB0\fR
Done; of \fBstatus\fR and \fBaudit\fR, that nothing needs a person.
.TP
\fB1\fR
Failed, or something needs a person.
.TP
\fB2\fR
Wrong usage.
.TP
\fB78\fR
The config file is wrong: \fBmail2jira check\-config\fR tells every fault.
.SH FILES
.TP
\fI/etc/mail2jira/config.toml\fR
The config file, unless \fB\-\-config\fR or \fBMAIL2JIRA_CONFIG\fR names another one.
.TP
\fI/run/credentials/mail2jira.service/\fR
The credentials of the service, for commands that run outside of it.
.SH ENVIRONMENT
.TP
\fBMAIL2JIRA_CONFIG\fR
The config file.
.TP
\fBCREDENTIALS_DIRECTORY\fR
Where systemd has put the credentials.
.TP
\fBNO_COLOR\fR
If set, nothing is coloured.
"#;

/// Prints the page in roff.
pub fn run() -> Result<(), Failure> {
    let mut page = Vec::new();
    render(&mut page).context("cannot write the manual page")?;
    report::bytes(&page)
}

/// clap_mangen makes a page for each command; they go into one, because one is what a person opens.
fn render(page: &mut Vec<u8>) -> io::Result<()> {
    let mut program = Arguments::command();
    program.build();
    Man::new(program.clone()).render(page)?;
    sections(&program, page)?;
    page.extend_from_slice(ENDING.as_bytes());
    Ok(())
}

fn sections(parent: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for command in parent.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_uppercase();
        page.extend_from_slice(format!(".SH \"{name}\"\n").as_bytes());
        let man = Man::new(command.clone());
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
        sections(command, page)?;
    }
    Ok(())
}
