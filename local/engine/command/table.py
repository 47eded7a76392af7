"""Every command: what it takes and the function that carries it out; a path's words are the official CLI's."""

from __future__ import annotations

from local.engine.command.flags import Command

_STACK = "-s --stack=string  The stack; the selected one if it is left out\n"
_CONFIG = _STACK + "   --config-file=string  The configuration file, if it isn't Pulumi.STACK.yaml\n"
_JSON = "-j --json\n   --output=string  default or json\n"
_SHOW = """
-i --show-ids         With each resource's id
-u --show-urns        With each resource's URN
   --show-name        Only the stack's name
   --show-secrets     Outputs that are secret in plain text
   --output=string    default or json
"""

# What every operation takes.
_OPERATION = (
    _CONFIG
    + """
-c --config=list                  Set KEY=VALUE in the stack's configuration first
   --config-path                  The keys of --config are paths
-m --message=string               What the operation is for
-p --parallel=int                 How many things may be done at a time
-d --debug                        Show debug messages
-t --target=list                  Only this URN; * and ** stand for any part
   --diff                         Show each property that changes
-j --json                         Print JSON
   --suppress-outputs             Don't show the stack's outputs
   --suppress-progress            Don't print dots while nothing else happens
   --suppress-permalink[=false]   Nothing: there is no link
   --suppress-stream-logs
   --show-sames                   Show what doesn't change, too
   --show-replacement-steps       Show replacements as their steps
   --urns                         Show whole URNs
   --event-log=string             Write the engine's events to a file
   --skip-plugin-pre-install      Nothing: providers are part of the engine
   --skip-config-validation       Don't check the configuration against the project's
   --run-program                  Run the program for its providers' configuration
   --client=string
   --exec-kind=string
   --exec-agent=string
   --output=string                json: print one line of JSON at the end, and nothing else
   --neo=refused
   --copilot=refused
   --override-env=refused
   --remote=refused
"""
)
_PERFORM = """
-y --yes                          Don't ask
-f --skip-preview                 Don't preview first
"""
_PROGRAM = """
-r --refresh[=true]               Refresh the state first
   --expect-no-changes            Fail if anything changes
   --ignore-protect               Delete and replace what is protected, too
   --exclude-dependents           Leave out what depends on what is excluded, too
   --replace=list                 Replace this URN
   --target-replace=list          Only this URN, and replace it
   --target-dependents            Also what depends on the targets
   --policy-pack=words            Check the resources with the policies of a folder
   --policy-pack-config=words     A file that sets the policies of the pack before it
   --show-config                  Show the configuration
   --show-reads                   Show what is read
   --show-full-output             Show long values whole
   --show-policy-remediations     Show each thing that a policy put right
   --show-secrets=refused
   --attach-debugger=refused
   --neo-task-on-failure=refused
"""

_UP = (
    _OPERATION
    + _PERFORM
    + _PROGRAM
    + """
   --exclude=list                 All but this URN
   --continue-on-error            Go on with what doesn't depend on a failure
   --plan=refused
   --strict=refused
   --secrets-provider=refused
"""
)
_PREVIEW = (
    _OPERATION
    + _PROGRAM
    + """
-x --exclude=list                 All but this URN
   --save-plan=refused
   --import-file=string           Write what would be created as a file for `pulumi import`
"""
)
_REFRESH = (
    _OPERATION
    + _PERFORM
    + """
   --preview-only                 Only show what would change
   --expect-no-changes            Fail if anything changes
-x --exclude=list                 All but this URN
   --exclude-dependents           Leave out what depends on what is excluded, too
   --target-dependents            Also what depends on the targets
   --clear-pending-creates        Forget creates that were interrupted
   --skip-pending-creates         Leave creates that were interrupted as they are
   --import-pending-creates=list  A URN, then its id: give the flag twice for each
"""
)
_DESTROY = (
    _OPERATION
    + _PERFORM
    + """
-r --refresh[=true]               Refresh the state first
   --preview-only                 Only show what would be deleted
-x --exclude=list                 All but this URN
   --exclude-protected            Leave out what is protected
   --ignore-protect               Delete what is protected, too
   --target-dependents            Also what depends on the targets
   --continue-on-error            Go on with what doesn't depend on a failure
   --remove                       Remove the stack and its configuration file, too
   --show-config                  Show the configuration
   --show-full-output             Show long values whole
"""
)

_IMPORT = (
    _CONFIG
    + """
-y --yes                          Don't ask
   --skip-preview                 Don't preview first
   --preview-only                 Only show what would be imported
-f --file=string                  A file with what to import
-o --out=string                   Write the code to a file
   --generate-code                Show code for what was imported (the default; =false to leave it out)
   --protect                      Protect what is imported (the default; =false to leave it out)
   --parent=string                name=URN of the parent; code calls it by the name
   --provider=string              name=URN of the provider; code calls it by the name
   --properties=words             The properties to import
-m --message=string               What the operation is for
-p --parallel=int                 How many things may be done at a time
-d --debug                        Show debug messages
-j --json                         Print JSON
   --diff                         Show each property
   --urns                         Show whole URNs
   --suppress-outputs             Don't show the stack's outputs
   --suppress-progress            Don't print dots while nothing else happens
   --suppress-permalink[=false]   Nothing: there is no link
   --skip-plugin-pre-install      Nothing: providers are part of the engine
   --event-log=string             Write the engine's events to a file
   --exec-kind=string
   --exec-agent=string
   --from=refused
   --generate-resources=refused
"""
)

_TARGET_EXCLUDE = (("target", "exclude"), ("output", "json"))
_OPERATIONS = {
    "up": Command("Create or update a stack's resources", "update.run", "[template]", _UP, ("update",), _TARGET_EXCLUDE),
    "preview": Command("Show what an update would do", "update.run", "", _PREVIEW, ("pre",), _TARGET_EXCLUDE),
    "refresh": Command("Bring a stack's state up to date with what is there", "update.run", "", _REFRESH, (), _TARGET_EXCLUDE),
    "destroy": Command("Delete a stack's resources", "update.run", "", _DESTROY, ("down", "dn"), (*_TARGET_EXCLUDE, ("exclude-protected", "ignore-protect"))),
}  # fmt: skip

_OPERATIONS["import"] = Command(
    "Take resources into a stack that are there already", "importing.run", "[arg]...", _IMPORT
)

_PROVIDER = "   --secrets-provider=string  passphrase or default, which is the same\n"
_STACKS = {
    "stack": Command("Show the current stack, and manage stacks", "stack_view.show", "", _STACK + _SHOW),
    "stack new": Command("Make a stack", "stack.init", "[name]", "-s --stack=string  The stack's name\n" + _PROVIDER + """
   --no-select                Don't select it
   --copy-config-from=string  A stack whose configuration it starts with
   --teams=list               Only Pulumi Cloud has teams
-y --yes                      Don't ask
   --remote-config=refused
""", ("init", "create", "setup")),
    "stack select": Command("Choose the current stack", "stack.select", "[stack]", _STACK + _PROVIDER + "-c --create  Make it if it isn't there\n"),
    "stack unselect": Command("Choose no stack", "stack.unselect", "", _STACK),
    "stack list": Command("List stacks", "stack.ls", "", _STACK + _JSON + """
-a --all                  Those of every project
-p --project=string       Those of a project
-o --organization=string  Those of an organization: a file backend has but one
-t --tag=string           Those with a tag, or with tag=value
""", ("ls",)),
    "stack remove": Command("Remove a stack", "stack.rm", "[stack-name]", _STACK + """
-f --force            Even if it has resources, which stay where they are
   --preserve-config  Keep Pulumi.STACK.yaml
   --remove-backups   Remove the copies of its state as well
-y --yes              Don't ask
""", ("rm", "delete")),
    "stack rename": Command("Give a stack another name", "stack.rename", "<new-stack-name>", _STACK),
    "stack get": Command("Show a stack, as `pulumi stack` does", "stack_view.show", "", _STACK + _SHOW),
    "stack output": Command("Show a stack's outputs", "stack_view.output", "[property-name]", _STACK + """
-j --json          Print JSON
   --shell         Print a shell script
   --show-secrets  Outputs that are secret in plain text
"""),
    "stack export": Command("Print a stack's deployment", "stack_deployment.export", "", _STACK + """
   --file=string     Write it to a file
   --show-secrets    With secrets in plain text
   --version=string  That after an earlier update: a file backend can't
"""),
    "stack import": Command("Replace a stack's deployment", "stack_deployment.import_", "", _STACK + """
   --file=string  Read it from a file
-f --force        Even if it is another stack's, or has errors
"""),
    "stack change-secrets-provider": Command("Encrypt a stack's secrets anew", "stack_deployment.change_secrets_provider", "<new-secrets-provider>", _STACK),
    "stack history": Command("Show what was done with a stack", "stack_view.history", "", _STACK + _JSON + """
   --full-dates     Whole dates
   --show-secrets   Secret configuration in plain text
   --page=int       Which page
   --page-size=int  How many a page
""", ("hist",)),
    "stack graph": Command("Write a stack's dependencies to a file, in DOT", "graph.graph", "<filename>", _STACK + """
   --dependency-edge-color=string  The colour of dependencies
   --parent-edge-color=string      The colour of parents
   --ignore-dependency-edges       Leave dependencies out
   --ignore-parent-edges           Leave parents out
   --short-node-name               Names in place of URNs
   --dot-fragment=string           DOT to put at the top
"""),
    "stack tag": Command("Manage a stack's tags", flags=_STACK),
    "stack tag list": Command("List a stack's tags", "tag.ls", "", _STACK + _JSON, ("ls",)),
    "stack tag get": Command("Print a tag", "tag.get", "<name>", _STACK),
    "stack tag set": Command("Set a tag", "tag.set_", "<name> <value>", _STACK),
    "stack tag remove": Command("Remove a tag", "tag.rm", "<name>", _STACK, ("rm", "delete")),
    "config": Command("List a stack's configuration, and manage it", "config.show", "", _CONFIG + """
-j --json          Print JSON
   --show-secrets  Secrets in plain text
   --open
"""),
    "config get": Command("Print a configuration value", "config.get", "<key>", _CONFIG + """
-j --json  Print JSON
   --path  The key is a path into a structure
   --open
"""),
    "config set": Command("Set a configuration value", "config.set_", "<key> [value]", _CONFIG + """
   --path         The key is a path into a structure
   --plaintext    Don't encrypt it
   --secret       Encrypt it
   --raw          Keep the line ends at the end of standard input
   --type=string  string, bool, int or float
""", exclusive=(("secret", "plaintext", "type"),)),
    "config set-all": Command("Set several values", "config.set_all", "", _CONFIG + """
   --path            The keys are paths into structures
   --plaintext=list  KEY=VALUE
   --secret=list     KEY=VALUE to encrypt
   --json=string     What `config --json` printed
"""),
    "config remove": Command("Remove a configuration value", "config.rm", "<key>", _CONFIG + "   --path  The key is a path into a structure\n", ("rm", "delete")),
    "config remove-all": Command("Remove several configuration values", "config.rm_all", "<key>...", _CONFIG + "   --path  The keys are paths into structures\n", ("rm-all", "delete-all")),
    "config copy": Command("Copy configuration to another stack", "config.cp", "[key]", _CONFIG + """
-d --dest=string  The other stack
   --path         The key is a path into a structure
""", ("cp",)),
    "config refresh": Command("Take over the last operation's configuration", "config.refresh", "", _CONFIG + "-f --force  Keep no copy of the file\n"),
    "cancel": Command("Remove a stack's locks", "stack.cancel", "[stack-name]", _STACK + "-y --yes  Don't ask\n"),
}  # fmt: skip

_ALL_YES = """
-y --yes  Don't ask
   --all  All resources
"""
_STATES = {
    "state": Command("Edit a stack's state"),
    "state get": Command("Show what is known of a resource", "state_get.get", "[resource]", _STACK + """
   --output=string  default or json
   --show-secrets   Secrets in plain text
"""),
    "state move": Command("Move resources to another stack", "state_move.move", "<urn>...", """
   --dest=string      The stack they go to; the selected one if it is left out
   --source=string    The stack they come from; the selected one if it is left out
   --include-parents  With their parents
-y --yes              Don't ask
""", ("mv",)),
    "state protect": Command("Protect resources from being deleted", "state.protect", "[resource-urn]...", _STACK + _ALL_YES),
    "state remove": Command("Forget resources without touching them", "state.delete", "[resource-urn]...", _STACK + _ALL_YES + """
   --force              Even if they are protected
   --target-dependents  With what depends on them
""", ("rm", "delete")),
    "state rename": Command("Give a resource another name", "state.rename", "[resource-urn] [new-name]", _STACK + "-y --yes  Don't ask\n"),
    "state repair": Command("Repair a state whose entries don't fit together", "state_repair.repair", "", _STACK + "-y --yes  Don't ask\n"),
    "state taint": Command("Have resources replaced by the next `up`", "state.taint", "[resource-urn]...", _STACK + "-y --yes  Don't ask\n"),
    "state unprotect": Command("Take the protection off resources", "state.unprotect", "[resource-urn]...", _STACK + _ALL_YES),
    "state untaint": Command("Have resources not replaced after all", "state.untaint", "[resource-urn]...", _STACK + _ALL_YES),
    "state upgrade": Command("Bring the backend's layout up to date", "state.upgrade", "", "-y --yes  Don't ask\n"),
}  # fmt: skip

_OTHERS = {
    "login": Command("Use a folder for the state", "session.login", "[url]", """
-c --cloud-url=string      The same as the argument
   --default-org=string    Only Pulumi Cloud has organizations
   --insecure              Nothing: a folder has no certificate
   --interactive           Nothing: there is nothing to choose from
-l --local                 The home folder: file://~
   --oidc-expiration=refused
   --oidc-org=refused
   --oidc-team=refused
   --oidc-token=refused
   --oidc-user=refused
"""),
    "logout": Command("Forget a backend", "session.logout", "[url]", """
   --all               Forget all
-c --cloud-url=string  The same as the argument
-l --local             The home folder: file://~
"""),
    "whoami": Command("Show who you are and where state is", "session.whoami", "", _JSON + "-v --verbose  With the backend\n"),
    "about": Command("Print what is known of the engine, the project, the stack and the backend", "about.about", "", _STACK + _JSON + "-t --transitive  With what the packages require\n"),
    "version": Command("Print the version", "session.version"),
    "install": Command("Check that what the project requires is installed", "install.run", "", """
   --no-dependencies             Don't check its packages
   --no-plugins                  Don't check its providers
   --parallel=int                Nothing: nothing is fetched
   --reinstall                   Nothing: nothing is fetched
   --use-language-version-tools=refused
"""),
    "plugin": Command("Manage plugins"),
    "plugin list": Command("List plugins", "plugin.ls", "", _JSON + "-p --project  Those of the project\n", ("ls",)),
    "plugin install": Command("Check that a plugin is part of this engine", "plugin.install", "[kind] [name] [version]", """
   --exact             Nothing else than this version
   --reinstall         Even if it is there
   --server=string     Where it comes from
   --parallel=int      How many at a time
-f --file=refused
   --checksum=refused
"""),
    "plugin remove": Command("Remove plugins: there is none that was installed", "plugin.rm", "[kind] [name] [version]", """
-a --all  All of them
-y --yes  Don't ask
""", ("rm", "delete")),
}  # fmt: skip

COMMANDS = {**_OPERATIONS, **_STACKS, **_STATES, **_OTHERS}

# What only the official CLI does: refused by name, whatever follows.
ONLY_OFFICIAL = {
    "about env", "api", "config env", "console", "convert", "convert-trace", "deployment", "do", "env",
    "esc", "events", "gen-completion", "completion", "gen-markdown", "insights", "logs",
    "neo", "new", "org", "package", "plugin run", "policy", "project", "replay-events", "schema",
    "stack drift", "stack history events", "stack migrate", "stack schedule",
    "stack webhook", "state edit", "template", "view-trace", "watch",
}  # fmt: skip
