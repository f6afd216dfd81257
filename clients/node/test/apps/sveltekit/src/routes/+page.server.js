export const load = ({ url }) => ({ name: url.searchParams.get("name") ?? "nobody" });

export const actions = {
  default: async ({ request }) => ({ ordered: (await request.formData()).get("what") }),
};
