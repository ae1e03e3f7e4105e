//! `man`: the manual page, with a section for every command.

use std::io;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::arguments::Arguments;
use super::{Failure, report};

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
    sections(&program, page)
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
