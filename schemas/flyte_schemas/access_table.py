"""The matrix of roles as it is read: the part of docs/access.md that is written from the data."""

from flyte_schemas.access import CORE, ROLES, SERVICES, SHARED, USERS, Role


def draw() -> str:
    """Who has which role, what each may publish and hear, and what the two accounts let each other use."""
    return "\n\n".join((_overview(), *map(_role, ROLES.values()), _shared()))


def _overview() -> str:
    rows = [f"| `{role.name}` | {role.account} | {_holder(role)} | {role.what} |" for role in ROLES.values()]
    return "\n".join(("| role | account | who has it | what it does |", "|---|---|---|---|", *rows))


def _holder(role: Role) -> str:
    if role in USERS:
        return "people, in projects and domains"
    if role in SERVICES:
        return "one process of the platform"
    return "the administrator" if role.account == CORE else "minted for each by the executor"


def _role(role: Role) -> str:
    answers = ["", "It may answer what came to it."] if role.answers else []
    return "\n".join(
        (
            f"### {role.name}",
            "",
            "It may publish to",
            "",
            *(f"- `{pattern}`" for pattern in role.publish),
            "",
            "and hear",
            "",
            *(f"- `{pattern}`" for pattern in role.subscribe),
            *answers,
        )
    )


def _shared() -> str:
    rows = [
        f"| `{one.subject}` | {one.of} | {one.to} | {'what is published' if one.is_stream else 'questions'} |"
        for one in SHARED
    ]
    return "\n".join(
        (
            "### Between the accounts",
            "",
            "| subject | of | used by | what passes |",
            "|---|---|---|---|",
            *rows,
        )
    )
