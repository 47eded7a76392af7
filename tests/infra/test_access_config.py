"""Who may do what, as the stack's YAML says it, and what it is told where it can't be."""

import json

import pytest

from infra.access import custom_role
from infra.access.custom_role import CustomRole
from infra.access.role import Role
from infra.access.table import AccessConfig, custom_roles, deployers, grants
from infra.access.work import WORK
from infra.config import ConfigError, parse
from local.azure.built_in_role import BUILT_IN_ROLES

LEAST = {"environment": "dev", "location": "westeurope", "owner": "us", "costCenter": "1"}
ANN = "12121212-3434-4565-8787-909090909090"
TEAM = "ABABABAB-3434-4565-8787-909090909090"
PEOPLE = {"ann": {"id": ANN, "type": "User"}, "ml-team": {"id": TEAM}}
REGISTRY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/models"
GITHUB = {"repository": "acme/models", "environment": "prod"}
DEVOPS = {
    "organization": "acme",
    "organizationId": ANN,
    "project": "Machine Learning",
    "serviceConnection": "deliver prod",
}


def access(*rows, **more):
    return {"principals": PEOPLE, "table": list(rows), **more}


def granted(config, who):
    return {(one.role.title, one.target) for one in grants(config) if one.who == who}


def parsed(*rows, **more):
    return AccessConfig.model_validate(access(*rows, **more))


def test_azure_has_every_role_by_its_id_and_name():
    assert {role.title: BUILT_IN_ROLES[role.value].name.lower() for role in Role} == {
        role.title: role.title for role in Role
    }


def test_work_takes_roles_where_it_is_done_and_on_narrows_it_to_one_role_there():
    config = parsed(
        {"who": "ml-team", "role": "Data Scientist"},
        {"who": "ann", "role": "data-scientist", "where": "workspace"},
        {"who": "ann", "role": "compute operator", "where": ["compute/cpu-cluster"]},
        {"who": "ann", "role": "AzureML Registry User", "where": REGISTRY},
        {"who": "ann", "role": "AcrPush", "where": "registry"},
    )
    assert granted(config, TEAM.lower()) == {
        ("azureml data scientist", "workspace"),
        ("storage blob data contributor", "storage"),
        ("storage file data privileged contributor", "storage"),
        ("storage blob data contributor", "lake"),
    }
    assert granted(config, ANN) == {
        ("azureml data scientist", "workspace"),
        ("azureml compute operator", "compute/cpu-cluster"),
        ("azureml registry user", REGISTRY),
        ("acrpush", "registry"),
    }
    assert {one.kind for one in grants(config) if one.who == TEAM.lower()} == {"Group"}
    assert {one.kind for one in grants(config) if one.who == ANN} == {"User"}


def test_rows_that_lead_to_the_same_grant_make_it_once_with_its_condition():
    config = parsed(
        {"who": "ann", "role": "deployer"},
        {"who": "ann", "role": "data scientist"},
        {
            "who": "ann",
            "role": "storage blob data contributor",
            "where": "lake",
            "condition": "@Resource[a] b",
        },
    )
    labels = [one.label for one in grants(config)]
    assert len(labels) == len(set(labels))
    assert [one.condition for one in grants(config) if one.who == ANN and one.target == "lake"] == [
        "@Resource[a] b"
    ]


def test_without_a_deployer_in_the_table_it_is_whoever_runs_the_program():
    assert deployers(parsed()) == ("deployer",)
    assert deployers(parsed({"who": "ml-team", "role": "deployer"})) == (TEAM.lower(),)


def test_the_platforms_own_identities_may_be_given_more():
    config = parsed(
        {"who": "training", "role": "key vault secrets user", "where": "vault"},
        {"who": "delivery", "role": "job submitter"},
        delivery={},
    )
    assert ("key vault secrets user", "vault") in granted(config, "compute")
    assert ("deploy only", "workspace") in granted(config, "delivery")
    assert ("job submitter", "workspace") in granted(config, "delivery")
    assert custom_roles(config) == tuple(
        CustomRole[name] for name in ("DEPLOY_ONLY", "CALLBACK_READER", "JOB_SUBMITTER")
    )
    assert custom_roles(parsed()) == ()


def test_a_delivery_trusts_a_repositorys_environment_or_branch_and_a_service_connection():
    branch = {"repository": "acme/models", "branch": "main"}
    other = {"name": "gitlab", "issuer": "https://gitlab.com", "subject": "project_path:acme/models:ref:main"}
    config = parsed(delivery={"github": [GITHUB, branch], "azureDevOps": [DEVOPS], "other": [other]})
    assert config.delivery is not None
    assert [(issuer, subject) for _, issuer, subject in config.delivery.trusts] == [
        ("https://token.actions.githubusercontent.com", "repo:acme/models:environment:prod"),
        ("https://token.actions.githubusercontent.com", "repo:acme/models:ref:refs/heads/main"),
        (f"https://vstoken.dev.azure.com/{ANN}", "sc://acme/Machine Learning/deliver prod"),
        ("https://gitlab.com", "project_path:acme/models:ref:main"),
    ]


@pytest.mark.parametrize("role", CustomRole)
def test_a_custom_role_touches_no_compute_no_setting_and_no_role(role):
    actions = role.definition.actions
    assert not [one for one in actions if one.endswith(("/*", "/delete")) and "computes" in one]
    assert not [one for one in actions if one.startswith("Microsoft.Authorization")]
    assert "Microsoft.MachineLearningServices/workspaces/write" not in actions
    written = [
        one.split("/")[2] for one in actions if not one.endswith(("/read", "/datastores/listSecrets/action"))
    ]
    assert not {"computes", "datastores", "connections", "outboundRules"} & set(written)
    assert "*" not in written


def test_an_administrator_gets_a_role_as_the_azure_cli_takes_it():
    made = json.loads(custom_role.role_json(CustomRole.DEPLOY_ONLY, "/subscriptions/s"))
    assert made["AssignableScopes"] == ["/subscriptions/s"]
    assert made["Actions"] == list(CustomRole.DEPLOY_ONLY.definition.actions)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"readers": [{"id": ANN}]},
            (
                "access.readers: unknown key, it would have no effect; write principals: {NAME: {id: ID}} and table: [{who: NAME, "
                "role: reader}]"
            ),
        ),
        (
            access(principals={"ann": {"id": "ann@example.org"}}),
            (
                "access.principals.ann.id: 'ann@example.org' can't be used: Azure grants roles to object ids; write the object id "
                "that `az ad group show`, `az ad signed-in-user show` or `az ad sp show` prints"
            ),
        ),
        (
            access(principals={"ann": {"id": ANN, "type": "Team"}}),
            (
                "access.principals.ann.type: 'Team' can't be used: without the right type a new principal isn't found; write "
                "Group, User or ServicePrincipal"
            ),
        ),
        (
            access(principals={"ann": {"id": ANN}, "anne": {"id": ANN.upper()}}),
            "access: principals.anne has the id of ann, and one person has one name; remove one of them",
        ),
        (
            access(principals={"delivery": {"id": ANN}}),
            "access: principals.delivery is what the platform calls an identity of its own; write another name",
        ),
        (
            access({"who": "anne", "role": "reader"}),
            "access: table[0].who is 'anne', which access.principals has not; did you mean ann?",
        ),
        (
            access({"who": "delivery", "role": "job submitter"}),
            "access: table[0] is about delivery, and the stack has no such identity; write delivery: {}",
        ),
        (
            access({"who": "ann", "role": "data sientist"}),
            "access.table[0].role: there is no role 'data sientist', so nothing would be granted; did you mean data scientist?",
        ),
        (
            access({"who": "ann", "role": "wizard"}),
            (
                "access.table[0].role: there is no role 'wizard', so nothing would be granted; write one of deployer, data "
                "scientist, compute operator, reader, deploy only, job submitter, callback reader, or a role of Azure's"
            ),
        ),
        (
            access({"who": "ann", "role": "Owner", "where": "resource group"}),
            (
                "access.table[0].role: 'Owner' can change everything, or give itself any role, so nobody should hold it all the "
                "time; leave it to the subscription's owner, who makes people eligible for it in Privileged Identity Management"
            ),
        ),
        (
            access({"who": "ann", "role": "reader", "eligible": True}),
            (
                "access.table[0].eligible: unknown key, it would have no effect; write the role without it, or make the person "
                "eligible in Privileged Identity Management: how long a role is held, and who approves it, is the owner's to say"
            ),
        ),
        (
            access({"who": "ann", "role": "acrpull"}),
            "access.table[0]: acrpull is a role without a place, so nothing would be granted; write where:",
        ),
        (
            access({"who": "ann", "role": "acrpull", "where": "vault"}),
            "access.table[0]: acrpull permits nothing on vault; write where it does",
        ),
        (
            access({"who": "ann", "role": "reader", "where": "valt"}),
            "access.table[0].where[0]: there is nothing called 'valt' to grant a role on; did you mean vault?",
        ),
        (
            access({"who": "ann", "role": "compute operator", "where": "compute/gpus"}),
            (
                "access.table[0].where: the stack has no compute/gpus, so nothing would be granted; write compute/ and one of "
                "cpu-cluster, gpu-cluster"
            ),
        ),
        (
            access({"who": "ann", "role": "azureml registry user", "where": "shared registry"}),
            (
                "access.table[0].where: the stack has no shared registry, so nothing would be granted; write sharedRegistry: "
                "{enabled: true}, or the id of a registry"
            ),
        ),
        (
            access({"who": "ann", "role": "azureml registry user", "where": "registry"}),
            "access.table[0]: azureml registry user permits nothing on registry; write where it does",
        ),
        (
            access({"who": "ann", "role": "reader", "condition": "x"}),
            "access.table[0]: a condition is about one place, and reader takes several; write where: as well",
        ),
        (
            access({"who": "ann", "role": "reader"}, {"who": "ann", "role": "Reader"}),
            "access: table[1] makes ann reader, as table[0] does, and Azure refuses the same grant twice; write it once",
        ),
        (
            access({"who": "ann", "role": "reader", "where": ["lake", "lake"]}),
            (
                "access: table[0] makes ann reader on lake, as table[0] does, and Azure refuses the same grant twice; write it "
                "once"
            ),
        ),
        (
            access(delivery={"github": [{"repository": "acme/models"}]}),
            (
                "access.delivery.github[0]: it has neither an environment nor a branch, and a trust is for exactly one of them; "
                "write environment: or branch:"
            ),
        ),
        (
            access(delivery={"other": [{"name": "any", "issuer": "https://i", "subject": "repo:*"}]}),
            (
                "access.delivery.other[0].subject: 'repo:*' can't be used: it is whom the tokens are about, letter by letter: "
                "Azure knows no wildcards here; write the subject of the tokens"
            ),
        ),
        (
            access(delivery={"github": [GITHUB, GITHUB]}),
            "access.delivery: repo:acme/models:environment:prod is trusted twice, which Azure refuses; write it once",
        ),
        (
            access(delivery={"azureDevOps": [{**DEVOPS, "organizationId": "acme"}]}),
            (
                "access.delivery.azureDevOps[0].organizationId: 'acme' can't be used: it tells the issuer of the organisation's "
                "tokens; write the GUID at the end of the issuer that the service connection shows"
            ),
        ),
    ],
)
def test_what_a_table_cant_say_is_one_line(values, line):
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, "access": values})
    assert str(caught.value) == f"mlops:{line}"


def test_every_kind_of_work_begins_with_the_role_that_on_narrows():
    assert {work.role for work in WORK.values()} == {work.needs[0][0] for work in WORK.values()}
