# What people do with this project. `make help` lists it.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo

# demo
AUTO ?=
KEEP ?=
# corpus
CORPUS ?=
# chaos
KILLS ?= 50
MAILS ?= 400
SEED  ?=
# consent-chaos
ROUNDS ?= 1000

help:
	@echo 'make demo      two dozen mails become issues in a Jira of your own; AUTO=1 clicks for you'
	@echo 'make test      sets everything up and runs all checks and tests'
	@echo 'make lint      formatting, clippy, documentation, the unit file, dependencies'
	@echo 'make chaos     kills the program $(KILLS) times while everything around it fails (KILLS, MAILS, SEED)'
	@echo 'make consent-chaos  kills the program $(ROUNDS) times while it refreshes its consent (ROUNDS, SEED)'
	@echo 'make corpus    how much sample mail comes out as expected, and what does not (CORPUS=directory)'
	@echo 'make bench     throughput, CPU and memory, as ratios'
	@echo 'make install   builds and installs (PREFIX=$(PREFIX), DESTDIR)'

demo:
	@sh scripts/setup.sh demo
	$(CARGO) build --workspace --locked --bins
	@target/debug/sandbox demo $(if $(AUTO),--auto) $(if $(KEEP),--keep)

setup:
	@sh scripts/setup.sh test

# One profile and one set of features for everything, so that no dependency is built twice. The tests come last: their summary is
# what is left on the screen.
test: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --workspace --locked --no-run
	target/debug/sandbox chaos --kills 6 --mails 60
	target/debug/sandbox consent-chaos --rounds 20
	target/debug/sandbox consent-chaos --rounds 10 --at-once
	$(CARGO) test --workspace --locked

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --locked --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --locked check; \
	else echo 'skipped: cargo-deny is not installed (cargo install cargo-deny)'; fi
	@if command -v systemd-analyze >/dev/null; then sh scripts/verify-unit.sh; \
	else echo 'skipped: systemd-analyze is not installed'; fi

chaos:
	@sh scripts/setup.sh demo
	$(CARGO) build --workspace --locked --bins
	@target/debug/sandbox chaos --kills $(KILLS) --mails $(MAILS) $(if $(SEED),--seed $(SEED))

consent-chaos:
	@sh scripts/setup.sh demo
	$(CARGO) build --workspace --locked --bins
	@target/debug/sandbox consent-chaos --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

corpus:
	@CARGO='$(CARGO)' sh scripts/corpus.sh '$(CORPUS)'

bench:
	@sh scripts/setup.sh bench
	$(CARGO) build --workspace --locked --bins --release
	@target/release/sandbox bench

# Builds as whoever calls it; only the copying may need root: `make build && sudo make install`.
build:
	$(CARGO) build --locked --release --bin mail2jira

install:
	@test -x target/release/mail2jira || $(MAKE) build
	install -D -m 755 target/release/mail2jira '$(DESTDIR)$(PREFIX)/bin/mail2jira'
	install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(PREFIX)/share/man/man1'
	sed 's|/usr/local/bin/mail2jira|$(PREFIX)/bin/mail2jira|' systemd/mail2jira.service \
	  > '$(DESTDIR)$(PREFIX)/lib/systemd/system/mail2jira.service'
	target/release/mail2jira man > '$(DESTDIR)$(PREFIX)/share/man/man1/mail2jira.1'
	install -d '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' '$(DESTDIR)$(PREFIX)/share/zsh/site-functions' \
	  '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d'
	target/release/mail2jira completions bash > '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/mail2jira'
	target/release/mail2jira completions zsh > '$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mail2jira'
	target/release/mail2jira completions fish > '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mail2jira.fish'
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/doc/mail2jira' config.example.toml README.md CHANGELOG.md
	install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/doc/mail2jira/docs' docs/*.md docs/demo.png

.PHONY: help demo setup test lint chaos consent-chaos corpus bench build install
