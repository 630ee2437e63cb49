"""Refusals about credentials, billing, rate limits and models.

Values only. `lookup.py` maps statuses, close codes and error codes to them.
"""

from __future__ import annotations

from bridge.protocol.refusals.model import Refusal

KEY_REFUSED = Refusal(
    slug="KEY-REFUSED",
    title="The API key was refused",
    cause=(
        "The key is wrong, revoked or truncated; or a client secret has expired; or a placeholder was sent instead of "
        "a key. Over REST, a 401 can also mean that the key does not belong to the named organization or is not "
        "allowed from this IP address."
    ),
    fix=(
        "Compare the last four characters of the key with the list at https://platform.openai.com/api-keys, set "
        "OPENAI_API_KEY to a valid key, then run: sherpa-probe access"
    ),
    retryable=False,
    fatal=True,
    source="recorded 2026-09: error invalid_api_key, close 3000; OpenAI error guide: REST 401",
)
NO_KEY = Refusal(
    slug="NO-KEY",
    title="No API key reached the service",
    cause="The request carried no credentials: the header was never set, or a proxy removed it.",
    fix=(
        "Send the header 'Authorization: Bearer <key>' with the WebSocket upgrade. A browser offers the subprotocols "
        "'realtime' and 'openai-insecure-api-key.<client secret>' instead. To see which forms arrive, run: "
        "sherpa-probe access --auth all"
    ),
    retryable=False,
    fatal=True,
    source="recorded 2026-09: error without a code, close 3000 with reason invalid_request_error",
)
AZURE_KEY_REFUSED = Refusal(
    slug="AZURE-KEY-REFUSED",
    title="Azure refused the key or the form of the URL",
    cause=(
        "The key belongs to another resource or region, or a GA URL still has 'api-version'. "
        "Azure answers both with 401 before the upgrade."
    ),
    fix=(
        "Use wss://<resource>.openai.azure.com/openai/v1/realtime?model=<deployment> without api-version, and send "
        "the key of this resource in the header 'api-key'"
    ),
    retryable=False,
    fatal=True,
    source="Azure migration guide 2026-02; public reports",
)
UPGRADE_UNAUTHORIZED = Refusal(
    slug="UPGRADE-UNAUTHORIZED",
    title="The WebSocket upgrade was answered with 401",
    cause=(
        "The public Realtime service checks the key only after the upgrade, so this 401 comes from something else: "
        "a gateway with its own key, a compatible server, or another endpoint."
    ),
    fix=(
        "Check the 'server' and 'via' headers of the response and the host and path of the base URL, then send the "
        "key that this server expects"
    ),
    retryable=False,
    fatal=True,
    source="public report about another WebSocket endpoint; recordings of 2026-09 show 101 with a bad key",
)
KEY_RESTRICTED = Refusal(
    slug="KEY-RESTRICTED",
    title="The key lacks a permission for this call",
    cause="The key is valid but restricted: its permissions do not include this call. The message names the scope.",
    fix="Add the scopes that the message names at https://platform.openai.com/api-keys, or use another key",
    retryable=False,
    fatal=True,
    source="the service's message to restricted keys, as in public reports",
)
UPGRADE_FORBIDDEN = Refusal(
    slug="UPGRADE-FORBIDDEN",
    title="The WebSocket upgrade was answered with 403",
    cause=(
        "The key is valid but its project has no Realtime access, or a CDN or proxy in front of the service blocks "
        "this country, network or origin."
    ),
    fix=(
        "Check that the project may use realtime models (sherpa-probe access checks its model list), then try from "
        "another network. If neither helps, send the 'cf-ray' header of the response to support"
    ),
    retryable=False,
    fatal=True,
    source="public reports 2024-10",
)
COUNTRY_REFUSED = Refusal(
    slug="COUNTRY-REFUSED",
    title="The service is not available in this country or region",
    cause="The request came from an IP address in an unsupported country, often that of a VPN, proxy or cloud region.",
    fix="Run from a supported region. To see your IP address and country: curl https://api.openai.com/cdn-cgi/trace",
    retryable=False,
    fatal=True,
    source="OpenAI error guide: REST 403",
)
NO_QUOTA = Refusal(
    slug="NO-QUOTA",
    title="The account has no credit left",
    cause=(
        "This is a billing problem, not an overload: the credit is used up, or no payment method is set. Close code "
        "1013 usually means 'try again later', but here a retry does not help."
    ),
    fix=(
        "Stop retrying. Add credit or raise the limit of the organization that owns this key at "
        "https://platform.openai.com/settings/organization/billing"
    ),
    retryable=False,
    fatal=True,
    source="recorded 2026-08: error insufficient_quota, close 1013",
)
CREDIT_EXHAUSTED = Refusal(
    slug="CREDIT-EXHAUSTED",
    title="The prepaid credit is used up",
    cause="The organization's credit balance has reached zero.",
    fix=(
        "Stop retrying. Buy credit or turn on auto recharge at "
        "https://platform.openai.com/settings/organization/billing"
    ),
    retryable=False,
    fatal=True,
    source="OpenAI error guide; measured by a client 2026-10",
)
PROJECT_SPEND_LIMIT = Refusal(
    slug="PROJECT-SPEND-LIMIT",
    title="The project has reached its spend limit",
    cause="The monthly budget of this project is used up. The organization may still have credit.",
    fix="Stop retrying. Raise the budget under Limits in the project's settings, or use the key of another project",
    retryable=False,
    fatal=True,
    source="OpenAI error guide; measured by a client 2026-10",
)
ORGANIZATION_SPEND_LIMIT = Refusal(
    slug="ORGANIZATION-SPEND-LIMIT",
    title="The organization has reached its spend limit",
    cause="The monthly budget that the organization set for itself is used up.",
    fix="Stop retrying. An owner can raise it at https://platform.openai.com/settings/organization/limits",
    retryable=False,
    fatal=True,
    source="OpenAI error guide; measured by a client 2026-10",
)
ORGANIZATION_USAGE_LIMIT = Refusal(
    slug="ORGANIZATION-USAGE-LIMIT",
    title="The organization has reached the usage limit of its tier",
    cause="OpenAI's limit for this usage tier is reached. It does not depend on the budgets that you set.",
    fix="Stop retrying. Request a higher limit at https://platform.openai.com/settings/organization/limits",
    retryable=False,
    fatal=True,
    source="OpenAI error guide; measured by a client 2026-10",
)
RATE_LIMITED = Refusal(
    slug="RATE-LIMITED",
    title="Too many requests or tokens for this model and tier",
    cause=(
        "A limit per minute or per day is reached; it may be counted under another model name than the requested one. "
        "A 429 with a billing error code is a different problem: no credit."
    ),
    fix=(
        "Wait as long as 'retry-after' or the message says, then retry with exponential backoff. If it happens every "
        "day, raise the usage tier or spread the load over several projects"
    ),
    retryable=True,
    fatal=False,
    source="public reports; OpenAI error guide: REST 429. How it ends a session was never recorded",
)
AZURE_CAPACITY = Refusal(
    slug="AZURE-CAPACITY",
    title="Azure has no capacity left for this deployment",
    cause="The deployment's quota of requests or tokens is used up, or the region is full.",
    fix=(
        "Wait for 'retry-after', then raise the deployment's quota in the Azure portal or deploy the model in "
        "another region"
    ),
    retryable=True,
    fatal=True,
    source="public report: 429 before the upgrade",
)
MODEL_NOT_FOUND = Refusal(
    slug="MODEL-NOT-FOUND",
    title="The model is not available to this project",
    cause=(
        "The model was shut down, or the key's project may not use it. A client secret for a preview model can still "
        "be minted: the model is refused only when the WebSocket opens."
    ),
    fix="Use a realtime model that this key may use. To list them: sherpa-probe access -v",
    retryable=False,
    fatal=True,
    source="reported as verified live: error model_not_found, close 4004",
)
INVALID_MODEL = Refusal(
    slug="INVALID-MODEL",
    title="This model cannot be used for this kind of session",
    cause=(
        "The name is not that of a realtime model (it has a typo, or it is a model for transcription, chat or the Live "
        "API), or the URL has both a model and intent=transcription."
    ),
    fix=(
        "For a conversation, put ?model=<realtime model> in the URL; to list the names: sherpa-probe access -v. For "
        "transcription, use only ?intent=transcription in the URL and set the model in session.update"
    ),
    retryable=False,
    fatal=True,
    source="recorded 2026-09: error invalid_model, close 4000",
)
TRANSCRIPTION_MODEL = Refusal(
    slug="TRANSCRIPTION-MODEL",
    title="A transcription model was used for a conversation",
    cause="The model in the URL only transcribes. It belongs in the session configuration, not in the URL.",
    fix=(
        "Put a realtime model in the URL and this one in session.audio.input.transcription.model, or open "
        "?intent=transcription without a model"
    ),
    retryable=False,
    fatal=True,
    source="public reports; on Azure HTTP 400 OpperationNotSupported (their spelling)",
)
MODEL_WITH_INTENT = Refusal(
    slug="MODEL-WITH-INTENT",
    title="The URL of a transcription session names a model",
    cause="The service accepts ?intent=transcription only without ?model=. SDKs that always add a model cause this.",
    fix="Remove 'model' from the URL and set session.audio.input.transcription.model in session.update",
    retryable=False,
    fatal=True,
    source="public reports 2025-03 and 2025-09",
)
AZURE_NO_DEPLOYMENT = Refusal(
    slug="AZURE-NO-DEPLOYMENT",
    title="Azure has no deployment with this name",
    cause=(
        "On Azure, 'model' is the name of a deployment, not of a model. The name is wrong, or the deployment belongs "
        "to another resource."
    ),
    fix=(
        "List the deployments: az cognitiveservices account deployment list -n <resource> -g <group> -o table; then "
        "pass the name as --model"
    ),
    retryable=False,
    fatal=True,
    source="public report: 404 DeploymentNotFound before the upgrade",
)
