from django.http import JsonResponse

from crm.models import Order


def orders(request):
    if request.method == "POST":
        order = Order.objects.create(title=request.POST["title"])
        return JsonResponse({"id": order.id}, status=201)
    # Everybody's, as long as nobody sees to it.
    return JsonResponse({"orders": list(Order.objects.order_by("id").values("id", "user_id", "title"))})
