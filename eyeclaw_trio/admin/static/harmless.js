// Whatever somebody else has said, made fit to be shown.

// What a reader could not see, or what would turn the text around it, is named.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff]/g;
export const visible = (text) =>
  text.replace(UNSEEN, (each) => `[U+${each.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

// What the gateway has refused, in words.
export async function explain(response) {
  const { error, detail } = await response.json();
  const why = detail && typeof detail === "object" ? Object.values(detail).join(", ") : detail;
  return visible(why ? `${error}: ${why}` : error);
}
