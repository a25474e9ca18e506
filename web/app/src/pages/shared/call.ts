import { client } from "../../lib/client";

/** Any route of the API, by its method and path. */
export const call = client.request.bind(client) as typeof client.request;
