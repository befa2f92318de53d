// What is said to people comes from the server (web/words.py), in the reader's language.
// words("page")("age", { seconds: 3 }) is "updated 3 s ago"; undefined for an unknown key.
export function words(name) {
  const sentences = JSON.parse(document.getElementById(`words-${name}`)?.textContent ?? "{}");
  return (key, values = {}) =>
    sentences[key]?.replace(/\{(\w+)\}/g, (braces, value) => values[value] ?? braces);
}
