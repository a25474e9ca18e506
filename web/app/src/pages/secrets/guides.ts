/* What a person has to know to get a key and to limit what it can do. */

export interface Guide {
  provider: string;
  title: string;
  /** Where keys are made; opened only when it is clicked. */
  link?: { href: string; text: string };
  /** What a key begins with. */
  shape: string;
  get: string;
  rights: string;
  limit: string;
  /** Which fields it has besides the key. */
  needs: { baseUrl: "no" | "optional" | "required"; aws?: true; keyless?: true };
}

export const GUIDES: readonly Guide[] = [
  {
    provider: "openai",
    title: "OpenAI",
    link: { href: "https://platform.openai.com/api-keys", text: "platform.openai.com/api-keys" },
    shape: "sk-…",
    get: "Open API keys in the platform's dashboard (an account for ChatGPT alone is not enough), choose “Create new secret key”, and copy it: it is shown once.",
    rights:
      "Choose “Restricted” and allow Model capabilities (request) and Models (read). It needs nothing else: no files, no fine-tuning, no administration.",
    limit:
      "Make a project for Headgate, put the key into it, and set that project's monthly budget and rate limits under Limits.",
    needs: { baseUrl: "optional" },
  },
  {
    provider: "openai_responses",
    title: "OpenAI (Responses)",
    link: { href: "https://platform.openai.com/api-keys", text: "platform.openai.com/api-keys" },
    shape: "sk-…",
    get: "The same key as for OpenAI; one that is stored for OpenAI is used here as well. Store another only to keep the two apart.",
    rights: "Choose “Restricted” and allow Model capabilities and Responses (request) and Models (read).",
    limit: "Make a project for Headgate and set its monthly budget and rate limits under Limits.",
    needs: { baseUrl: "optional" },
  },
  {
    provider: "anthropic",
    title: "Anthropic",
    link: { href: "https://console.anthropic.com/settings/keys", text: "console.anthropic.com/settings/keys" },
    shape: "sk-ant-…",
    get: "Open API keys in the console (a Claude subscription alone is not enough), choose “Create Key” and copy it: it is shown once.",
    rights: "Keys belong to a workspace: make one for Headgate. Never use an admin key (sk-ant-admin…).",
    limit: "Set a monthly spend limit and rate limits for that workspace under Settings, Limits.",
    needs: { baseUrl: "optional" },
  },
  {
    provider: "bedrock",
    title: "Amazon Bedrock",
    link: { href: "https://console.aws.amazon.com/bedrock/home#/api-keys", text: "the Bedrock console, API keys" },
    shape: "a bearer key, or the 40 characters of a secret access key",
    get: "In the Bedrock console choose API keys and make one. Or make an IAM user with an access key: then its id goes below, and its secret is the key.",
    rights:
      "Allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on the models you use, and nothing else.",
    limit:
      "Set an AWS budget with an action that takes the policy away, and lower the model's quotas under Service Quotas.",
    needs: { baseUrl: "optional", aws: true },
  },
  {
    provider: "openai_compatible",
    title: "A compatible server",
    shape: "what the server asks for (Ollama and vLLM often want none)",
    get: "Any server that speaks OpenAI's chat completions: OpenRouter, Groq, DeepSeek, xAI, LiteLLM, vLLM, Ollama. Its address ends before /chat/completions, as in https://openrouter.ai/api/v1.",
    rights: "A key that may call models and list them. It does not need rights to manage the account or other keys.",
    limit: "Most gateways take a credit limit with each key: set it when you make the key.",
    needs: { baseUrl: "required", keyless: true },
  },
  {
    provider: "secret_ai",
    title: "Secret AI",
    link: { href: "https://secretai.scrtlabs.com", text: "secretai.scrtlabs.com" },
    shape: "sk-…",
    get: "Sign in at the portal, make an API key and copy it.",
    rights: "The key calls models and nothing else.",
    limit: "It spends the credit of its account: keep only as much there as you are ready to lose.",
    needs: { baseUrl: "optional" },
  },
];

export function guideOf(provider: string): Guide | undefined {
  return GUIDES.find((guide) => guide.provider === provider);
}

export function titleOf(provider: string): string {
  return guideOf(provider)?.title ?? provider;
}
