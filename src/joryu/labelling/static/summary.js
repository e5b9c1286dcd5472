// A link for one more annotator: it works once, in another browser.

const notice = document.getElementById("notice");

document.getElementById("invite").addEventListener("click", async () => {
  const response = await fetch("/api/invite", {
    method: "POST", headers: { "content-type": "application/json" }, body: "{}",
  });
  const link = response.ok ? `${location.origin}/?token=${(await response.json()).token}` : null;
  notice.hidden = false;
  notice.textContent = link ? `Open this in another browser (it works once): ${link}` : "No link could be made.";
});
