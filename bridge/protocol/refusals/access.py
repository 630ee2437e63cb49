"""Refusals about who asks and for which model: keys, projects, credit, rate, country, models.

Values only; `refusals.py` says which status or code leads to which.
"""

from __future__ import annotations

from bridge.protocol.refusals.model import ClientCode, Refusal

KEY_REFUSED = Refusal(
    slug="KEY-REFUSED",
    title="The API key was refused",
    cause=(
        "The key is wrong, revoked or cut short, a minted client secret has expired, or a placeholder was sent instead "
        "of a key. Over REST a 401 can also mean that the key is not of the named organization or not allowed from "
        "this IP address."
    ),
    fix=(
        "Compare the last four characters of the key that was sent with the list at "
        "https://platform.openai.com/api-keys, put a valid one into OPENAI_API_KEY, then run: sherpa-probe access"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.AUTHENTICATION_FAILED,
    source="recorded 2026-09: error invalid_api_key, close 3000; OpenAI error guide: REST 401",
)
NO_KEY = Refusal(
    slug="NO-KEY",
    title="No API key reached the service",
    cause="The request carried no credential: the header was never set, or something in between took it away.",
    fix=(
        "Send the header 'Authorization: Bearer <key>' on the WebSocket upgrade itself; a browser offers the "
        "subprotocols 'realtime' and 'openai-insecure-api-key.<client secret>'. To see which forms arrive: "
        "sherpa-probe access --auth all"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.AUTHENTICATION_FAILED,
    source="recorded 2026-09: error without a code, close 3000 with reason invalid_request_error",
)
AZURE_KEY_REFUSED = Refusal(
    slug="AZURE-KEY-REFUSED",
    title="Azure refused the key or the form of the URL",
    cause=(
        "The key belongs to another resource or region, or 'api-version' still stands on a GA URL. "
        "Azure answers both with 401 before the upgrade."
    ),
    fix=(
        "Use wss://<resource>.openai.azure.com/openai/v1/realtime?model=<deployment> without api-version, and send "
        "the resource's own key in the header 'api-key'"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.AUTHENTICATION_FAILED,
    source="Azure migration guide 2026-02; public reports",
)
UPGRADE_UNAUTHORIZED = Refusal(
    slug="UPGRADE-UNAUTHORIZED",
    title="The WebSocket upgrade was answered with 401",
    cause=(
        "The public Realtime service looks at the key only after the upgrade, so this 401 comes from something else: "
        "a gateway with a key of its own, a compatible server, or another endpoint."
    ),
    fix=(
        "Look at the 'server' and 'via' headers of the answer and at the host and path of the base URL, then give that "
        "server the key it wants"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.AUTHENTICATION_FAILED,
    source="public report about another WebSocket endpoint; recordings of 2026-09 show 101 with a bad key",
)
KEY_RESTRICTED = Refusal(
    slug="KEY-RESTRICTED",
    title="The key lacks a permission for this call",
    cause="A restricted key: valid, but its permissions leave this call out; the message names the scope.",
    fix="At https://platform.openai.com/api-keys give the key the scopes that the message names, or use another key",
    retryable=False,
    fatal=True,
    client_code=ClientCode.ACCESS_DENIED,
    source="the service's message to restricted keys, as in public reports",
)
UPGRADE_FORBIDDEN = Refusal(
    slug="UPGRADE-FORBIDDEN",
    title="The WebSocket upgrade was answered with 403",
    cause=(
        "The key is valid but its project has no Realtime access, or an edge or proxy in front blocks this country, "
        "network or origin."
    ),
    fix=(
        "Check that the project may use realtime models (sherpa-probe access looks at its list), then try from another "
        "network; if both are fine, send the 'cf-ray' header of the answer to support"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.ACCESS_DENIED,
    source="public reports 2024-10",
)
COUNTRY_REFUSED = Refusal(
    slug="COUNTRY-REFUSED",
    title="The service does not answer this country or region",
    cause="The request left from an address in an unsupported country, often that of a VPN, proxy or cloud region.",
    fix="Run from a supported region, or check which address you leave from: curl https://api.openai.com/cdn-cgi/trace",
    retryable=False,
    fatal=True,
    client_code=ClientCode.ACCESS_DENIED,
    source="OpenAI error guide: REST 403",
)
NO_QUOTA = Refusal(
    slug="NO-QUOTA",
    title="The account has no credit left",
    cause=(
        "Billing, not load: the credit is used up or no payment method is set. The close code 1013 reads like "
        "'try again later', but trying again changes nothing."
    ),
    fix=(
        "Stop retrying; add credit or raise the limit of the organization that owns this key at "
        "https://platform.openai.com/settings/organization/billing"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.QUOTA_EXHAUSTED,
    source="recorded 2026-08: error insufficient_quota, close 1013",
)
CREDIT_EXHAUSTED = Refusal(
    slug="CREDIT-EXHAUSTED",
    title="The prepaid credit is used up",
    cause="The organization's credit balance has reached zero.",
    fix=(
        "Stop retrying; buy credit or switch on auto recharge at "
        "https://platform.openai.com/settings/organization/billing"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.QUOTA_EXHAUSTED,
    source="OpenAI error guide; measured by a client 2026-10",
)
PROJECT_SPEND_LIMIT = Refusal(
    slug="PROJECT-SPEND-LIMIT",
    title="The project has reached its spend limit",
    cause="The monthly budget set for this project is used up; the organization may well have credit.",
    fix="Stop retrying; raise the budget under Limits in the project's settings, or use another project's key",
    retryable=False,
    fatal=True,
    client_code=ClientCode.QUOTA_EXHAUSTED,
    source="OpenAI error guide; measured by a client 2026-10",
)
ORGANIZATION_SPEND_LIMIT = Refusal(
    slug="ORGANIZATION-SPEND-LIMIT",
    title="The organization has reached its spend limit",
    cause="The monthly budget that the organization set for itself is used up.",
    fix="Stop retrying; an owner raises it at https://platform.openai.com/settings/organization/limits",
    retryable=False,
    fatal=True,
    client_code=ClientCode.QUOTA_EXHAUSTED,
    source="OpenAI error guide; measured by a client 2026-10",
)
ORGANIZATION_USAGE_LIMIT = Refusal(
    slug="ORGANIZATION-USAGE-LIMIT",
    title="The organization has reached the usage limit of its tier",
    cause="The ceiling that OpenAI sets for this usage tier is reached; own budgets play no part in it.",
    fix="Stop retrying; ask for a higher limit at https://platform.openai.com/settings/organization/limits",
    retryable=False,
    fatal=True,
    client_code=ClientCode.QUOTA_EXHAUSTED,
    source="OpenAI error guide; measured by a client 2026-10",
)
RATE_LIMITED = Refusal(
    slug="RATE-LIMITED",
    title="Too many requests or tokens for this model and tier",
    cause=(
        "A limit per minute or per day is reached; it may be counted under another model's name than the one asked "
        "for. A 429 whose error code is a billing one is something else: no credit."
    ),
    fix=(
        "Wait as long as 'retry-after' (or the message) says, then back off with growing pauses; if it returns every "
        "day, raise the tier or spread the load over projects"
    ),
    retryable=True,
    fatal=False,
    client_code=ClientCode.RATE_LIMITED,
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
    client_code=ClientCode.RATE_LIMITED,
    source="public report: 429 before the upgrade",
)
MODEL_NOT_FOUND = Refusal(
    slug="MODEL-NOT-FOUND",
    title="The model is not available to this project",
    cause=(
        "The model was removed, or the key's project may not use it. A preview model can still be minted for and be "
        "refused only when the socket opens."
    ),
    fix="Ask for a realtime model that this key may use; to list them: sherpa-probe access -v",
    retryable=False,
    fatal=True,
    client_code=ClientCode.MODEL_NOT_AVAILABLE,
    source="reported as verified live: error model_not_found, close 4004",
)
INVALID_MODEL = Refusal(
    slug="INVALID-MODEL",
    title="This model cannot be used on this socket",
    cause=(
        "The name is no realtime model (mistyped, or made for transcription, chat or the Live API), or a model was "
        "named beside intent=transcription."
    ),
    fix=(
        "Conversation: ?model=<realtime model> in the URL, for names run sherpa-probe access -v. Transcription: "
        "?intent=transcription alone in the URL, the model in session.update"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.MODEL_NOT_AVAILABLE,
    source="recorded 2026-09: error invalid_model, close 4000",
)
TRANSCRIPTION_MODEL = Refusal(
    slug="TRANSCRIPTION-MODEL",
    title="A transcription model was asked to hold a conversation",
    cause="The model named in the URL only transcribes; it belongs inside a session, not in the URL.",
    fix=(
        "Put a realtime model into the URL and this one into session.audio.input.transcription.model; or open "
        "?intent=transcription without a model"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.MODEL_NOT_AVAILABLE,
    source="public reports; on Azure HTTP 400 OpperationNotSupported (their spelling)",
)
MODEL_WITH_INTENT = Refusal(
    slug="MODEL-WITH-INTENT",
    title="A model stands in the URL of a transcription socket",
    cause="The service takes ?intent=transcription only without ?model=; SDKs that always add a model run into this.",
    fix="Take 'model' out of the URL and send it in session.update as session.audio.input.transcription.model",
    retryable=False,
    fatal=True,
    client_code=ClientCode.MODEL_NOT_AVAILABLE,
    source="public reports 2025-03 and 2025-09",
)
AZURE_NO_DEPLOYMENT = Refusal(
    slug="AZURE-NO-DEPLOYMENT",
    title="Azure knows no deployment of this name here",
    cause="On Azure 'model' is the name of a deployment, not of a model; the resource or the name is another one.",
    fix=(
        "List them with: az cognitiveservices account deployment list -n <resource> -g <group> -o table; then pass "
        "that name as --model"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.MODEL_NOT_AVAILABLE,
    source="public report: 404 DeploymentNotFound before the upgrade",
)
